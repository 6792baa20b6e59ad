#include "core/config/expand.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/config/values.h"
#include "core/lookup/split.h"

namespace barid::config {
namespace {

using lookup::find_closing_brace;
using lookup::is_blank;
using lookup::is_digit;
using lookup::is_name_char;
using lookup::trim;
using lookup::trim_left;

constexpr size_t kDepthMax = 100;
constexpr size_t kResultBytesMax = size_t{1} << 20;
constexpr size_t kStepsMax = 10'000;  // names and expressions looked at in one expansion

/// Index of the bracket that closes the one at text[open]; only that kind of bracket nests.
size_t find_closing(std::string_view text, size_t open) noexcept {
  if (text[open] == '{') return find_closing_brace(text, open);
  size_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

std::string_view take_name(std::string_view& text) noexcept {
  size_t end = 0;
  while (end < text.size() && is_name_char(text[end])) ++end;
  const std::string_view name = text.substr(0, end);
  text.remove_prefix(end);
  return name;
}

/// Takes a leading `{…}` and blanks around it off `text` and returns what is inside, blanks
/// included; nullopt when there is none.
std::optional<std::string_view> take_group(std::string_view& text) noexcept {
  text = trim_left(text);
  if (text.empty() || text.front() != '{') return std::nullopt;
  const size_t close = find_closing_brace(text, 0);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view inside = text.substr(1, close - 1);
  text = trim_left(text.substr(close + 1));
  return inside;
}

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// Like strcmp: numbers of any length by value, other text byte by byte.
int compare_texts(std::string_view a, std::string_view b) noexcept {
  if (all_digits(a) && all_digits(b)) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  }
  return a.compare(b);
}

/// What follows `name?` or `name:` or a comparison: the text for yes and the text for no.
struct Branches {
  std::string_view when_true;
  std::string_view when_false;
  bool malformed = false;
};

/// The text of the last branch: a group with nothing behind it, or everything as it stands.
std::string_view last_branch(std::string_view text, bool& malformed) noexcept {
  std::string_view rest = text;
  const std::optional<std::string_view> group = take_group(rest);
  if (!group) return text;
  malformed = !rest.empty();
  return *group;
}

/// `text` starts with `?` or `:`.
Branches parse_branches(std::string_view text) noexcept {
  Branches branches;
  const char op = text.front();
  text.remove_prefix(1);
  if (op == ':') {
    branches.when_false = last_branch(text, branches.malformed);
    return branches;
  }
  std::string_view rest = text;
  const std::optional<std::string_view> group = take_group(rest);
  if (!group) {
    branches.when_true = text;
    return branches;
  }
  branches.when_true = *group;
  if (rest.empty()) return branches;
  branches.malformed = rest.front() != ':';
  if (!branches.malformed) branches.when_false = last_branch(rest.substr(1), branches.malformed);
  return branches;
}

class Expander {
 public:
  explicit Expander(const NameSource& source) : source_(source) {}

  bool expand_into(std::string_view text, std::string& out) {
    if (depth_ >= kDepthMax)
      return fail(fmt::format("unreasonable macro call nesting: \"{}\"", clip(text)));
    ++depth_;
    const bool ok = expand_text(text, out);
    --depth_;
    return ok;
  }

  bool expand_name_into(std::string_view name, std::string& out) {
    if (!step()) return false;
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.emplace_back(name);
    const auto open = std::find(open_names_.begin(), open_names_.end(), name);
    if (open != open_names_.end()) {
      return fail(fmt::format("parameter {}: expansion loop: {} -> {}", name,
                              fmt::join(open, open_names_.end(), " -> "), name));
    }
    const std::optional<std::string_view> value = source_.find_value(name);
    if (!value || value->empty()) return true;
    open_names_.push_back(name);
    const bool ok = expand_into(*value, out);
    open_names_.pop_back();
    return ok;
  }

  Expansion finish(std::string text) {
    if (!error_.empty()) text.clear();
    return {.text = std::move(text), .error = std::move(error_), .names = std::move(names_)};
  }

 private:
  static std::string_view clip(std::string_view text) noexcept { return text.substr(0, 100); }

  bool fail(std::string text) {
    if (error_.empty()) error_ = std::move(text);
    return false;
  }

  bool step() {
    if (++steps_ <= kStepsMax) return true;
    return fail("expansion takes too many steps");
  }

  bool append(std::string_view text, std::string& out) {
    if (out.size() + text.size() > kResultBytesMax) return fail("expanded value is too long");
    out.append(text);
    return true;
  }

  bool expand_text(std::string_view text, std::string& out) {
    while (!text.empty()) {
      const size_t dollar = text.find('$');
      if (!append(text.substr(0, dollar), out)) return false;
      if (dollar == std::string_view::npos) return true;
      text.remove_prefix(dollar + 1);
      if (!expand_reference(text, out)) return false;
    }
    return true;
  }

  /// `text` starts behind a `$`; what belongs to the reference is taken off it.
  bool expand_reference(std::string_view& text, std::string& out) {
    const char first = text.empty() ? '\0' : text.front();
    if (first == '$') {
      text.remove_prefix(1);
      return append("$", out);
    }
    if (first != '{' && first != '(') {
      const std::string_view name = take_name(text);
      if (name.empty()) return fail(fmt::format("empty macro name: \"${}\"", clip(text)));
      return expand_name_into(name, out);
    }
    const size_t close = find_closing(text, 0);
    if (close == std::string_view::npos) {
      return fail(fmt::format("truncated macro reference: \"${}\"", clip(text)));
    }
    const std::string_view body = trim_left(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    return expand_body(body, out);
  }

  /// What stands between the brackets of `${…}`.
  bool expand_body(std::string_view body, std::string& out) {
    if (!step()) return false;
    if (body.starts_with('{')) return expand_comparison(body, out);
    std::string_view rest = body;
    const std::string_view name = take_name(rest);
    if (name.empty()) return fail(fmt::format("empty macro name: \"${{{}}}\"", clip(body)));
    if (rest.starts_with('{')) return expand_call(name, rest, out);
    rest = trim_left(rest);
    if (rest.empty()) return expand_name_into(name, out);
    if (rest.front() != '?' && rest.front() != ':') {
      return fail(fmt::format("bad operator in: \"${{{}>>>{}}}\"", name, clip(rest)));
    }
    std::string value;
    if (!expand_name_into(name, value)) return false;
    return expand_branch(!value.empty(), rest, out);
  }

  bool expand_branch(bool condition, std::string_view rest, std::string& out) {
    const Branches branches = parse_branches(rest);
    if (branches.malformed) {
      return fail(fmt::format("unexpected input at end of: \"{}\"", clip(rest)));
    }
    return expand_into(condition ? branches.when_true : branches.when_false, out);
  }

  bool expand_comparison(std::string_view body, std::string& out) {
    std::string_view rest = body;
    const std::optional<std::string_view> left = take_group(rest);
    size_t op_end = 0;
    while (op_end < rest.size() && !is_blank(rest[op_end]) && rest[op_end] != '{') ++op_end;
    const std::string_view op = rest.substr(0, op_end);
    rest.remove_prefix(op_end);
    const std::optional<std::string_view> right = take_group(rest);
    if (!left || !right) {
      return fail(fmt::format("need \"{{text}} operator {{text}}\" in: \"${{{}}}\"", clip(body)));
    }
    std::string left_text;
    std::string right_text;
    if (!expand_into(*left, left_text) || !expand_into(*right, right_text)) return false;
    const std::optional<bool> condition = evaluate(left_text, op, right_text);
    if (!condition) return false;
    if (rest.empty()) return append(*condition ? "true" : "", out);
    if (rest.front() != '?' && rest.front() != ':') {
      return fail(fmt::format("bad operator in: \"${{{}}}\"", clip(body)));
    }
    return expand_branch(*condition, rest, out);
  }

  /// nullopt after fail().
  std::optional<bool> evaluate(std::string_view left, std::string_view op, std::string_view right) {
    constexpr std::string_view kLevel = "level";
    int order = 0;
    std::string_view sign = op;
    if (sign.ends_with(kLevel)) {
      sign.remove_suffix(kLevel.size());
      const std::optional<int> compared = compare_levels(left, right);
      if (!compared) {
        fail(fmt::format("malformed compatibility level: \"{}\" {} \"{}\"", clip(left), op,
                         clip(right)));
        return std::nullopt;
      }
      order = *compared;
    } else {
      order = compare_texts(left, right);
    }
    if (sign == "==") return order == 0;
    if (sign == "!=") return order != 0;
    if (sign == "<") return order < 0;
    if (sign == "<=") return order <= 0;
    if (sign == ">") return order > 0;
    if (sign == ">=") return order >= 0;
    fail(fmt::format("bad operator: \"{}\"", clip(op)));
    return std::nullopt;
  }

  bool expand_call(std::string_view function, std::string_view rest, std::string& out) {
    const std::optional<std::string_view> argument = take_group(rest);
    if (!argument || !rest.empty()) {
      return fail(fmt::format("bad syntax: \"{}{}\"", function, clip(rest)));
    }
    if (function != "domain_to_ascii") {
      return fail(fmt::format("unknown function: \"{}\"", function));
    }
    std::string domain;
    if (!expand_into(trim(*argument), domain)) return false;
    const std::optional<std::string> ascii = source_.domain_to_ascii(domain);
    if (!ascii) return fail(fmt::format("domain_to_ascii: bad domain: \"{}\"", clip(domain)));
    return append(*ascii, out);
  }

  const NameSource& source_;
  std::string error_;
  std::vector<std::string> names_;
  std::vector<std::string_view> open_names_;
  size_t depth_ = 0;
  size_t steps_ = 0;
};

}  // namespace

Expansion expand(std::string_view text, const NameSource& source) {
  Expander expander(source);
  std::string out;
  expander.expand_into(text, out);
  return expander.finish(std::move(out));
}

Expansion expand_name(std::string_view name, const NameSource& source) {
  Expander expander(source);
  std::string out;
  expander.expand_name_into(name, out);
  return expander.finish(std::move(out));
}

std::vector<std::string_view> referenced_names(std::string_view text) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') continue;
    std::string_view rest = text.substr(i + 1);
    if (rest.starts_with('$')) {
      ++i;
      continue;
    }
    if (rest.starts_with('{') || rest.starts_with('(')) rest.remove_prefix(1);
    rest = trim_left(rest);
    const std::string_view name = take_name(rest);
    const bool is_call = rest.starts_with('{');
    if (!name.empty() && !is_call) names.push_back(name);
  }
  return names;
}

}  // namespace barid::config
