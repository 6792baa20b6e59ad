#include "http/submit/foreign.h"

#include <fmt/format.h>

#include <array>

namespace barid::http {
namespace {

using Substitutions = std::vector<std::pair<std::string, std::string>>;

/// The longest name wins where several begin; what was put in is not looked at again.
void substitute(std::string& text, const Substitutions& substitutions) {
  std::array<bool, 256> begins{};
  for (const auto& [name, value] : substitutions) begins[static_cast<uint8_t>(name.front())] = true;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const std::pair<std::string, std::string>* found = nullptr;
    if (begins[static_cast<uint8_t>(text[i])]) {
      const std::string_view rest = std::string_view(text).substr(i);
      for (const auto& one : substitutions) {
        const bool longer = found == nullptr || one.first.size() > found->first.size();
        if (longer && rest.starts_with(one.first)) found = &one;
      }
    }
    if (found == nullptr) {
      out += text[i++];
    } else {
      out += found->second;
      i += found->first.size();
    }
  }
  text = std::move(out);
}

void substitute_all(JsonValue& email, const Substitutions& substitutions) {
  for (size_t i = 0; i < email.names.size(); ++i) {
    const std::string& name = email.names[i];
    JsonValue& value = email.items[i];
    if (name == "subject" || name == "text" || name == "html") {
      substitute(value.text, substitutions);
    }
    if (name != "headers") continue;
    for (JsonValue& header : value.items) substitute(header.text, substitutions);
  }
}

}  // namespace

JsonValue take_email(ForeignRequest& request, size_t index) {
  ForeignEmail& one = request.emails[index];
  JsonValue whole = std::move(one.email);
  const bool last = index + 1 == request.emails.size();
  for (size_t i = 0; i < request.shared.names.size(); ++i) {
    whole.names.push_back(request.shared.names[i]);
    JsonValue& value = request.shared.items[i];
    whole.items.push_back(last ? std::move(value) : value);
  }
  if (!one.substitutions.empty()) substitute_all(whole, one.substitutions);
  return whole;
}

void rename_field(ApiError& error, const Dialect& dialect, size_t index) {
  if (error.param.empty()) return;
  const std::string ours = fmt::format("`{}`", error.param);
  error.param = dialect.field_name(error.param, index);
  const size_t at = error.message.find(ours);
  if (at != std::string::npos) {
    error.message.replace(at, ours.size(), fmt::format("`{}`", error.param));
  }
}

}  // namespace barid::http
