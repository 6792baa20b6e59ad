// barid queue shape --explain DOMAIN.
#include <fmt/format.h>
#include <sysexits.h>

#include <boost/json.hpp>

#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

/// A member of an object as text; empty if it has none.
std::string text_of(const boost::json::value& object, std::string_view name) {
  const boost::json::object* members = object.if_object();
  const boost::json::value* value =
      members == nullptr ? nullptr : members->if_contains({name.data(), name.size()});
  const boost::json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

void print_explanation(const boost::json::value& answer) {
  for (const std::string_view name : {"domain", "transport", "next_hop", "site", "pool"}) {
    const std::string value = text_of(answer, name);
    if (!value.empty()) fmt::print("{:<10} {}\n", name, value);
  }
  const boost::json::object* members = answer.if_object();
  const boost::json::value* settings =
      members == nullptr ? nullptr : members->if_contains("settings");
  const boost::json::array* rows = settings == nullptr ? nullptr : settings->if_array();
  if (rows == nullptr || rows->empty()) return;
  fmt::print("\n{:<24} {:<20} FROM\n", "SETTING", "VALUE");
  for (const boost::json::value& row : *rows) {
    const std::string value = text_of(row, "value");
    fmt::print("{:<24} {:<20} {}\n", text_of(row, "name"), value.empty() ? "-" : value,
               text_of(row, "from"));
  }
}

}  // namespace

int run_shape_explain(const std::string& queue_directory, std::span<const char* const> arguments,
                      std::string_view name) {
  QueryWords words;
  bool json = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--json") {
      json = true;
      continue;
    }
    const bool known = word == "--explain" || word == "--sender" || word == "--pool";
    if (!known || i + 1 == arguments.size()) {
      fmt::print(stderr,
                 "{}: fatal: {} \"{}\"; need --explain DOMAIN [--sender A] [--pool P] [--json]\n",
                 name, known ? "no value for" : "unexpected", word);
      return EX_USAGE;
    }
    words.emplace_back(word == "--explain" ? "domain" : word.substr(2), arguments[++i]);
  }
  const Result<ControlAnswer> answer =
      ask_server(queue_directory, "GET", "/admin/v1/shape" + query_text(words));
  if (!answer.ok()) {
    fmt::print(stderr, "{}: fatal: the mail system is down\n", name);
    return EX_UNAVAILABLE;
  }
  if (answer->status != 200) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error_message(answer->body));
    return EX_DATAERR;
  }
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(answer->body, error);
  if (json || error) {
    fmt::print("{}", answer->body);
  } else {
    print_explanation(value);
  }
  return 0;
}

}  // namespace barid::tools
