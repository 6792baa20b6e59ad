#include "tools/barid/queue_client.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <optional>

#include "tools/barid/config_command.h"
#include "tools/barid/control_client.h"
#include "tools/barid/progress.h"

namespace barid::tools {
namespace {

/// Keeps the last line, and shows counts on a terminal meanwhile.
class ActionLines final : public LineSink {
 public:
  explicit ActionLines(ActionResult* result) : result_(result) {}
  void on_line(std::string_view line) override {
    if (!parse_action_line(line, result_)) {
      rest_ += line;
      return;
    }
    if (!result_->result.empty()) return;
    progress_.show(fmt::format("{} examined, {} chosen", result_->examined, result_->matched));
  }
  [[nodiscard]] bool wants_more() const override { return !InterruptWatch::interrupted(); }
  [[nodiscard]] const std::string& rest() const noexcept { return rest_; }

 private:
  ActionResult* result_;
  std::string rest_;
  Progress progress_;
};

bool is_dry_run(const QueryWords& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const auto& word) { return word.first == "dry_run"; });
}

}  // namespace

int find_queue_directory(const std::string& directory, std::string_view name,
                         std::string* queue_directory) {
  const config::LoadResult loaded = load_client_configuration(directory);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error.str());
  }
  if (!loaded.ok()) return EX_CONFIG;
  *queue_directory = client_queue_directory(*loaded.configuration);
  return 0;
}

ActionResult run_queue_action(const std::string& queue_directory, std::string_view name,
                              std::string_view action, const QueryWords& words) {
  ActionResult result;
  std::optional<Result<ControlAnswer>> answer;
  std::string rest;
  const InterruptWatch interrupts;
  {
    ActionLines lines(&result);
    answer = ask_server(queue_directory, "POST",
                        fmt::format("/admin/v1/queue/{}{}", action, query_text(words)), &lines);
    rest = lines.rest();
  }
  if (!answer->ok() && answer->error().code == Code::kUnavailable) {
    fmt::print(stderr, "{}: fatal: mail system is down\n", name);
    result.exit_status = EX_UNAVAILABLE;
  } else if (answer->ok() && (*answer)->status >= 400) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error_message(rest + (*answer)->body));
    result.exit_status = (*answer)->status == 400 ? EX_DATAERR : EX_TEMPFAIL;
  } else if (result.result.empty() && InterruptWatch::interrupted()) {
    fmt::print(
        stderr,
        "{}: fatal: interrupted: at least {} of {} examined were {}, the rest is as it was\n", name,
        result.matched, result.examined, is_dry_run(words) ? "counted" : "changed");
    result.exit_status = EX_TEMPFAIL;
  } else if (result.result != "ok") {
    fmt::print(stderr, "{}: fatal: ended early ({}): {} of those examined were changed\n", name,
               result.result.empty() ? "no answer" : result.result, result.matched);
    result.exit_status = EX_TEMPFAIL;
  }
  return result;
}

}  // namespace barid::tools
