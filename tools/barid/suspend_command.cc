// barid queue suspend, resume, suspensions.
#include <fmt/format.h>
#include <sysexits.h>

#include <ctime>

#include "shard/schedule/suspensions.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

int usage(std::string_view name, std::string_view text) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return EX_USAGE;
}

class Rows final : public LineSink {
 public:
  explicit Rows(bool json) : json_(json) {}
  void on_line(std::string_view line) override {
    if (json_) {
      fmt::print("{}\n", line);
    } else {
      fmt::print("{}", suspension_row(line));
    }
  }

 private:
  bool json_;
};

/// The words after the verb as a query. 0, or 64 after saying why.
int read_words(Arguments arguments, std::string_view name, bool resumes, QueryWords* words) {
  bool kind_given = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (!word.starts_with("--")) return usage(name, fmt::format("unexpected \"{}\"", word));
    word.remove_prefix(2);
    const size_t equals = word.find('=');
    const std::string option(word.substr(0, equals));
    const bool is_kind = schedule::find_suspension_kind(option).has_value();
    const bool known = is_kind || (!resumes && (option == "for" || option == "reason"));
    if (!known)
      return usage(name, fmt::format("unexpected \"--{}\"; --help lists options", option));
    std::string value;
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return usage(name, fmt::format("--{} needs a value", option));
    }
    if (is_kind) {
      if (kind_given) return usage(name, "one domain, site, tenant or stream at a time");
      kind_given = true;
      words->emplace_back("kind", option);
      words->emplace_back("value", value);
    } else {
      words->emplace_back(option, value);
    }
  }
  if (!kind_given) return usage(name, "name one of --domain, --site, --tenant, --stream");
  return 0;
}

}  // namespace

int run_suspend(const std::string& queue_directory, std::string_view verb, Arguments arguments,
                std::string_view name) {
  constexpr std::string_view kPath = "/admin/v1/suspensions";
  Result<ControlAnswer> answer = Error{.code = Code::kUnavailable};
  if (verb == "suspensions") {
    const bool json = arguments.size() == 1 && std::string_view(arguments[0]) == "--json";
    if (!json && !arguments.empty()) return usage(name, "suspensions takes only --json");
    Rows rows(json);
    answer = ask_server(queue_directory, "GET", std::string(kPath), &rows);
  } else {
    const bool resumes = verb == "resume";
    QueryWords words;
    if (const int status = read_words(arguments, name, resumes, &words); status != 0) return status;
    answer = ask_server(queue_directory, resumes ? "DELETE" : "POST",
                        std::string(kPath) + query_text(words));
  }
  if (!answer.ok()) {
    fmt::print(stderr, "{}: fatal: mail system is down\n", name);
    return EX_UNAVAILABLE;
  }
  if (answer->status >= 400) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error_message(answer->body));
    return answer->status == 503 ? EX_TEMPFAIL : EX_DATAERR;
  }
  return 0;
}

}  // namespace barid::tools
