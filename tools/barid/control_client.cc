#include "tools/barid/control_client.h"

#include <curl/curl.h>

#include <memory>

#include "shard/queue/queue_directory.h"
#include "tools/barid/config_command.h"

namespace barid::tools {
namespace {

struct Transfer {
  ControlAnswer answer;
  LineSink* lines = nullptr;
};

size_t on_bytes(char* bytes, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->answer.body.append(bytes, size * count);
  if (transfer->lines == nullptr) return size * count;
  size_t start = 0;
  const std::string& body = transfer->answer.body;
  for (size_t end = body.find('\n'); end != std::string::npos; end = body.find('\n', start)) {
    transfer->lines->on_line(std::string_view(body).substr(start, end - start));
    if (!transfer->lines->wants_more()) return CURL_WRITEFUNC_ERROR;
    start = end + 1;
  }
  transfer->answer.body.erase(0, start);
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* transfer = static_cast<const Transfer*>(user);
  return transfer->lines != nullptr && !transfer->lines->wants_more() ? 1 : 0;
}

struct FreeCurl {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};

}  // namespace

config::LoadResult load_client_configuration(const std::string& directory, bool check_values) {
  return config::Configuration::load({.directory = configuration_directory(directory),
                                      .host = read_host_facts(),
                                      .environment = read_environment(),
                                      .check_values = check_values});
}

std::string client_queue_directory(const config::Configuration& configuration) {
  constexpr const char* kDevQueue = "barid-data/queue";
  std::string queue = configuration.get("queue_directory");
  const bool is_default = !configuration.settings().contains("queue_directory");
  if (is_default && queue::QueueDirectory::holder(queue) == 0 &&
      queue::QueueDirectory::holder(kDevQueue) != 0) {
    return kDevQueue;
  }
  return queue;
}

Result<ControlAnswer> ask_server(const std::string& queue_directory, const std::string& method,
                                 const std::string& path, LineSink* lines) {
  const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  if (!curl) return Error{.code = Code::kExhausted, .text = "libcurl"};
  Transfer transfer{.lines = lines};
  const std::string socket = queue_directory + "/public/control";
  const std::string url = "http://localhost" + path;
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  if (method == "DELETE") {
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, "DELETE");
  } else if (method == "POST") {
    curl_easy_setopt(curl.get(), CURLOPT_POST, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, 0L);
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_COULDNT_CONNECT) return Error{.code = Code::kUnavailable, .text = "no server"};
  if (code != CURLE_OK) return Error{.code = Code::kIo, .text = curl_easy_strerror(code)};
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  return std::move(transfer.answer);
}

}  // namespace barid::tools
