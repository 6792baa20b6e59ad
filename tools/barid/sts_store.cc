#include "tools/barid/sts_store.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <memory>

#include "core/lookup/files.h"

namespace barid::tools {
namespace {

constexpr long kTimeoutMillis = 30'000;
constexpr std::string_view kHead = "mta-sts 1 ";  // then the time, a blank, the id, a line end

struct Free {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

size_t keep(char* bytes, size_t size, size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (text.size() + size * count > dns::kStsPolicyBytesMax) return 0;  // ends the transfer
  text.append(bytes, size * count);
  return size * count;
}

std::string resolve_entry(const std::string& host, uint16_t port,
                          const std::vector<std::string>& addresses) {
  std::string entry = fmt::format("{}:{}:", host, port);
  for (size_t i = 0; i < addresses.size(); ++i) {
    const bool v6 = addresses[i].find(':') != std::string::npos;
    entry += fmt::format("{}{}{}{}", i == 0 ? "" : ",", v6 ? "[" : "", addresses[i], v6 ? "]" : "");
  }
  return entry;
}

std::string check_answer(CURL* handle) {
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
  if (status != 200) return fmt::format("the policy host answered {}", status);
  if (type == nullptr || !std::string_view(type).starts_with("text/plain")) {
    return "the policy is not text/plain";
  }
  return {};
}

}  // namespace

void StsStore::set_settings(StsSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

std::string StsStore::path_of(const std::string& domain) const {
  return fmt::format("{}/mta-sts/{}", directory_, domain);
}

std::optional<smtp::StoredStsPolicy> StsStore::load(const std::string& domain) const {
  const Result<std::string> file = lookup::read_whole_file(path_of(domain));
  if (!file.ok() || !std::string_view(*file).starts_with(kHead)) return std::nullopt;
  std::string_view rest = std::string_view(*file).substr(kHead.size());
  smtp::StoredStsPolicy stored;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), stored.fetched_seconds);
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  const size_t line_end = rest.find('\n');
  if (error != std::errc() || !rest.starts_with(' ') || line_end == std::string_view::npos) {
    return std::nullopt;
  }
  stored.id = rest.substr(1, line_end - 1);
  stored.text = rest.substr(line_end + 1);
  return stored;
}

/// A cache: one that cannot be written costs a fetch after the next start.
void StsStore::store(const std::string& domain, const smtp::StoredStsPolicy& policy) const {
  ::mkdir((directory_ + "/mta-sts").c_str(), 0700);
  const std::string path = path_of(domain);
  const std::string unfinished = fmt::format("{}.{}", path, ::gettid());
  std::FILE* file = std::fopen(unfinished.c_str(), "we");
  if (file == nullptr) return;
  const std::string text =
      fmt::format("{}{} {}\n{}", kHead, policy.fetched_seconds, policy.id, policy.text);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    ::unlink(unfinished.c_str());
  }
}

smtp::FetchedStsPolicy StsStore::fetch(const std::string& domain,
                                       const std::vector<std::string>& addresses) const {
  StsSettings settings;
  {
    const std::lock_guard lock(mutex_);
    settings = settings_;
  }
  const std::string host = "mta-sts." + domain;
  const std::string url = fmt::format("https://{}:{}/.well-known/mta-sts.txt", host, settings.port);
  const std::unique_ptr<CURL, Free> handle(curl_easy_init());
  const std::unique_ptr<curl_slist, Free> resolve(
      curl_slist_append(nullptr, resolve_entry(host, settings.port, addresses).c_str()));
  if (!handle || !resolve) return {.text = {}, .error = "out of memory"};
  smtp::FetchedStsPolicy fetched;
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve.get());
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMillis);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &fetched.text);
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_WRITE_ERROR) {
    fetched.error = "the policy is too long";
  } else if (code != CURLE_OK) {
    fetched.error = curl_easy_strerror(code);
    const bool certificate = code == CURLE_PEER_FAILED_VERIFICATION;
    if (certificate) fetched.result = TlsResult::kStsWebpkiInvalid;
  } else {
    fetched.error = check_answer(curl);
  }
  return fetched;
}

}  // namespace barid::tools
