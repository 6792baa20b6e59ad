// barid trace --live: SMTP sessions of a destination or a client as they are spoken.
#include <fmt/format.h>
#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "core/text/utf8.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"
#include "tools/barid/trace_view.h"

namespace barid::tools {
namespace {

namespace json = boost::json;

class Dialogue final : public LineSink {
 public:
  explicit Dialogue(bool json) : json_(json) {}
  void on_line(std::string_view line) override {
    if (line.empty()) return;
    if (line.starts_with("{\"statusCode\"")) {
      error_ = line;
      return;
    }
    if (json_) {
      fmt::print("{}\n", line);
    } else {
      print(line);
    }
    std::fflush(stdout);
  }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  static void print(std::string_view line) {
    json::error_code error;
    const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
    const json::object* object = error ? nullptr : value.if_object();
    if (object == nullptr) return;
    if (const json::value* left_out = object->if_contains("left_out")) {
      fmt::print("({} lines left out)\n", left_out->is_int64() ? left_out->as_int64() : 0);
      return;
    }
    const json::value* time = object->if_contains("time");
    const json::value* session = object->if_contains("session");
    const json::value* peer = object->if_contains("peer");
    const json::value* sent = object->if_contains("sent");
    const json::value* text = object->if_contains("line");
    const bool complete = time != nullptr && time->is_int64() && session != nullptr &&
                          session->is_int64() && peer != nullptr && peer->is_string() &&
                          sent != nullptr && sent->is_bool() && text != nullptr &&
                          text->is_string();
    if (!complete) return;
    std::string out;
    text::append_printable(
        out, fmt::format("{} {} {} {} {}", trace_time(time->as_int64()).substr(11),
                         session->as_int64(), std::string_view(peer->as_string()),
                         sent->as_bool() ? '>' : '<', std::string_view(text->as_string())));
    fmt::print("{}\n", out);
  }

  const bool json_;
  std::string error_;
};

}  // namespace

int run_trace_live(const std::string& queue_directory, bool of_client, const std::string& peer,
                   const std::string& duration, bool json) {
  QueryWords words = {{of_client ? "client" : "destination", peer}};
  if (!duration.empty()) words.emplace_back("for", duration);
  Dialogue dialogue(json);
  const Result<ControlAnswer> answer =
      ask_server(queue_directory, "GET", "/admin/v1/dialogue" + query_text(words), &dialogue);
  if (!answer.ok()) {
    const bool down = answer.error().code == Code::kUnavailable;
    fmt::print(stderr, "barid trace: fatal: {}\n",
               down ? "the mail system is down" : "ended early");
    return down ? EX_UNAVAILABLE : EX_TEMPFAIL;
  }
  if (answer->status < 400) return 0;
  fmt::print(stderr, "barid trace: fatal: {}\n", error_message(dialogue.error() + answer->body));
  return EX_DATAERR;
}

}  // namespace barid::tools
