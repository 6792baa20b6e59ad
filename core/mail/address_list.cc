#include "core/mail/address_list.h"

#include "core/text/ascii.h"

namespace barid {
namespace {

/// One address in the making.
class Collector {
 public:
  explicit Collector(std::vector<std::string>* out) : out_(*out) {}

  void feed(std::string_view text) {
    while (!text.empty()) text.remove_prefix(step(text));
    end_address();
  }

 private:
  /// Uses the next token, and returns how many bytes it had.
  size_t step(std::string_view text) {
    const char c = text.front();
    if (c == '"') return take_quoted(text);
    if (c == '[') return take_until(text, ']');
    if (c == '(') return comment_bytes(text);
    if (text::is_blank(c) || c == '\r' || c == '\n') {
      pending_blank_ = !part().empty();
    } else if (c == '<' && !in_angle_) {
      in_angle_ = has_angle_ = true;
      pending_blank_ = false;
    } else if (c == '>' && in_angle_) {
      in_angle_ = pending_blank_ = false;
    } else if (c == ':' && in_angle_) {
      angle_.clear();  // what was before it is a route
    } else if (c == ':' && !has_angle_) {
      outside_.clear();  // the name of a group
      pending_blank_ = false;
    } else if (c == ';' || (c == ',' && !is_route())) {
      end_address();
    } else {
      put(text.substr(0, 1));
    }
    return 1;
  }

  [[nodiscard]] std::string& part() noexcept { return in_angle_ ? angle_ : outside_; }
  /// `<@a,@b:c@d>`: the comma is the route's.
  [[nodiscard]] bool is_route() const noexcept { return in_angle_ && angle_.starts_with('@'); }

  void put(std::string_view token) {
    // Blanks mean nothing around the specials of an address.
    const std::string& before = part();
    const bool beside_special =
        token == "@" || token == "." || before.ends_with('@') || before.ends_with('.');
    if (pending_blank_ && !beside_special) part() += ' ';
    pending_blank_ = false;
    part() += token;
  }

  size_t take_quoted(std::string_view text) {
    size_t end = 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, text.size());
    put(text.substr(0, end));
    return end;
  }

  size_t take_until(std::string_view text, char closing) {
    const size_t end = std::min(text.find(closing), text.size() - 1) + 1;
    put(text.substr(0, end));
    return end;
  }

  static size_t comment_bytes(std::string_view text) {
    size_t depth = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '(')
        ++depth;
      else if (text[i] == ')' && --depth == 0)
        return i + 1;
    }
    return text.size();
  }

  void end_address() {
    if (has_angle_) {
      out_.push_back(std::move(angle_));
    } else if (!outside_.empty()) {
      out_.push_back(std::move(outside_));
    }
    outside_.clear();
    angle_.clear();
    in_angle_ = has_angle_ = pending_blank_ = false;
  }

  std::vector<std::string>& out_;
  std::string outside_;
  std::string angle_;  ///< between < and >
  bool in_angle_ = false;
  bool has_angle_ = false;
  bool pending_blank_ = false;
};

}  // namespace

std::vector<std::string> list_addresses(std::string_view text) {
  std::vector<std::string> addresses;
  Collector(&addresses).feed(text);
  return addresses;
}

}  // namespace barid
