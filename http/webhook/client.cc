#include "http/webhook/client.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <unordered_map>

namespace barid::http {
namespace {

constexpr size_t kAnswerBytesMax = 64 * 1024;
constexpr long kConnectionsKeptMax = 64;

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

std::optional<lookup::IpAddress> address_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return lookup::IpAddress::from_bytes(
        {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr});
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    return lookup::IpAddress::from_bytes(
        {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr});
  }
  return std::nullopt;
}

/// One call under way; libcurl keeps pointers into it.
struct Transfer {
  WebhookCall call;
  AddressPolicy policy;
  std::unique_ptr<curl_slist, FreeList> fields;
  std::unique_ptr<curl_slist, FreeList> resolve;
  std::unique_ptr<CURL, FreeEasy> easy;
  size_t answer_bytes = 0;
  bool refused = false;
  char problem[CURL_ERROR_SIZE] = {};
};

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(user);
  const auto ip = address_of(&address->addr);
  if (!ip || !transfer->policy.allows(*ip)) {
    transfer->refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// What they answer is of no interest, and may not be long.
size_t on_answer(char*, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->answer_bytes += size * count;
  return transfer->answer_bytes > kAnswerBytesMax ? 0 : size * count;
}

}  // namespace

struct WebhookClient::State {
  WebhookClientSettings settings;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers;
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};  // goes after the transfers' end

  ~State() {
    for (auto& [easy, transfer] : transfers) curl_multi_remove_handle(multi.get(), easy);
    transfers.clear();
  }
};

WebhookClient::WebhookClient() : state_(std::make_unique<State>()) {
  curl_multi_setopt(state_->multi.get(), CURLMOPT_MAXCONNECTS, kConnectionsKeptMax);
}
WebhookClient::~WebhookClient() = default;

void WebhookClient::set_settings(WebhookClientSettings settings) {
  state_->settings = std::move(settings);
}

bool WebhookClient::start(WebhookCall call) {
  auto transfer = std::make_unique<Transfer>();
  transfer->easy.reset(curl_easy_init());
  if (!transfer->easy) return false;
  transfer->call = std::move(call);
  for (const std::string& field : transfer->call.fields) {
    curl_slist* grown = curl_slist_append(transfer->fields.get(), field.c_str());
    if (grown == nullptr) return false;
    static_cast<void>(transfer->fields.release());
    transfer->fields.reset(grown);
  }
  CURL* easy = transfer->easy.get();
  const WebhookClientSettings& settings = state_->settings;
  transfer->policy = settings.policy;
  curl_easy_setopt(easy, CURLOPT_URL, transfer->call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // the environment's would see a private address
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->call.body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(transfer->call.body.size()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->fields.get());
  if (!transfer->call.resolve.empty()) {
    transfer->resolve.reset(curl_slist_append(nullptr, transfer->call.resolve.c_str()));
    curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolve.get());
  }
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
  if (curl_multi_add_handle(state_->multi.get(), easy) != CURLM_OK) return false;
  state_->transfers.emplace(easy, std::move(transfer));
  return true;
}

std::vector<WebhookAnswer> WebhookClient::run(std::chrono::milliseconds patience) {
  CURLM* multi = state_->multi.get();
  int running = 0;
  curl_multi_perform(multi, &running);
  int left = 0;
  const auto collect = [&] {
    std::vector<WebhookAnswer> answers;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found = state_->transfers.find(easy);
      const Transfer& transfer = *found->second;
      WebhookAnswer answer{.token = transfer.call.token};
      if (code == CURLE_OK || code == CURLE_WRITE_ERROR) {  // the latter: too long an answer
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = static_cast<int>(status);
      } else if (transfer.refused) {
        answer.problem = "private address";
      } else {
        answer.problem = transfer.problem[0] != '\0' ? transfer.problem : curl_easy_strerror(code);
      }
      curl_multi_remove_handle(multi, easy);
      state_->transfers.erase(found);
      answers.push_back(std::move(answer));
    }
    return answers;
  };
  std::vector<WebhookAnswer> answers = collect();
  if (!answers.empty()) return answers;
  curl_multi_poll(multi, nullptr, 0, static_cast<int>(patience.count()), nullptr);
  curl_multi_perform(multi, &running);
  return collect();
}

void WebhookClient::wake() noexcept { curl_multi_wakeup(state_->multi.get()); }
size_t WebhookClient::calls_count() const noexcept { return state_->transfers.size(); }

}  // namespace barid::http
