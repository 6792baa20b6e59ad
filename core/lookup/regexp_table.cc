// regexp and pcre tables: rules in file order, the first whose pattern matches the key gives its
// result with the groups it captured. Source: Postfix's pcre_table(5) and regexp_table(5); both are
// matched by PCRE2 here, so that where POSIX would take the longest alternative, the first is
// taken.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"
#include "core/lookup/table_internal.h"

namespace barid::lookup {
namespace {

constexpr size_t kPatternBytesMax = 8192;
constexpr uint32_t kGroupsMax = 99;
constexpr uint32_t kMatchLimit = 200'000;  // steps; some patterns need exponentially many
constexpr uint32_t kHeapKibMax = 1024;
constexpr size_t kResultBytesMax = 64 * 1024;

struct CodeFree {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
struct MatchDataFree {
  void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
};
struct MatchContextFree {
  void operator()(pcre2_match_context* context) const noexcept {
    pcre2_match_context_free(context);
  }
};

/// Of the calling thread: a match allocates nothing.
struct Matcher {
  std::unique_ptr<pcre2_match_data, MatchDataFree> data{
      pcre2_match_data_create(kGroupsMax + 1, nullptr)};
  std::unique_ptr<pcre2_match_context, MatchContextFree> context{
      pcre2_match_context_create(nullptr)};
  Matcher() {
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapKibMax);
  }
};
Matcher& matcher() {
  thread_local Matcher one;
  return one;
}

/// A piece of a result: text, or a group if `group` is not 0.
struct Piece {
  std::string text;
  uint32_t group = 0;
};

struct Rule {
  enum class Kind : uint8_t { kResult, kIf, kEndif };
  Kind kind = Kind::kResult;
  bool negated = false;
  std::unique_ptr<pcre2_code, CodeFree> code;  ///< null: a condition that could not be read
  std::vector<Piece> pieces;                   ///< one of text if no group is used
  size_t endif_index = 0;                      ///< of a kIf
};

enum class Answer : uint8_t { kNo, kYes, kTemporary };

Answer match(const Rule& rule, std::string_view key) {
  if (!rule.code) return Answer::kNo;
  Matcher& with = matcher();
  const int count = pcre2_match(rule.code.get(), reinterpret_cast<PCRE2_SPTR>(key.data()),
                                key.size(), 0, 0, with.data.get(), with.context.get());
  if (count >= 0) return rule.negated ? Answer::kNo : Answer::kYes;
  if (count != PCRE2_ERROR_NOMATCH) return Answer::kTemporary;
  return rule.negated ? Answer::kYes : Answer::kNo;
}

class RegexpTable final : public Table {
 public:
  RegexpTable(std::string name, std::vector<Rule> rules)
      : Table(std::move(name), KeyStyle::kPattern),
        rules_(std::move(rules)),
        failure_(fmt::format("{}: matching took too long", this->name())) {}

  LookupResult find(std::string_view key) const override {
    for (size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      if (rule.kind == Rule::Kind::kEndif) continue;
      const Answer answer = match(rule, key);
      if (answer == Answer::kTemporary) return LookupResult::temporary(failure_);
      const bool matches = answer == Answer::kYes;
      if (rule.kind == Rule::Kind::kIf && !matches) i = rule.endif_index;
      if (rule.kind == Rule::Kind::kResult && matches) return result(rule, key);
    }
    return LookupResult::not_found();
  }

 private:
  static LookupResult result(const Rule& rule, std::string_view key) {
    if (rule.pieces.empty()) return LookupResult::found({});
    if (rule.pieces.size() == 1 && rule.pieces[0].group == 0) {
      return LookupResult::found(rule.pieces[0].text);
    }
    const size_t* const offsets = pcre2_get_ovector_pointer(matcher().data.get());
    std::string text;
    for (const Piece& piece : rule.pieces) {
      text += piece.text;
      if (piece.group == 0) continue;
      const size_t begin = offsets[2 * piece.group];
      if (begin == PCRE2_UNSET) continue;  // an optional group that took no part
      text += key.substr(begin, offsets[2 * piece.group + 1] - begin);
      if (text.size() > kResultBytesMax) return LookupResult::temporary("result too long");
    }
    return LookupResult::found_copy(std::move(text));
  }

  std::vector<Rule> rules_;
  std::string failure_;
};

/// What one flag letter does to the options; they start from the type's defaults and each letter
/// toggles.
std::optional<uint32_t> flag_option(char flag, bool pcre) noexcept {
  switch (flag) {
    case 'i':
      return PCRE2_CASELESS;
    case 'm':
      return PCRE2_MULTILINE;
    case 'x':
      return pcre ? PCRE2_EXTENDED : 0u;  // regexp: always extended syntax
    case 's':
      return pcre ? std::optional<uint32_t>(PCRE2_DOTALL) : std::nullopt;
    case 'A':
      return pcre ? std::optional<uint32_t>(PCRE2_ANCHORED) : std::nullopt;
    case 'E':
      return pcre ? std::optional<uint32_t>(PCRE2_DOLLAR_ENDONLY) : std::nullopt;
    case 'U':
      return pcre ? std::optional<uint32_t>(PCRE2_UNGREEDY) : std::nullopt;
    case 'X':
      return pcre ? std::optional<uint32_t>(0u) : std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Collects rules line by line; a bad rule is reported and left out.
class RegexpBuilder {
 public:
  RegexpBuilder(std::string_view type, std::string_view where, const OpenContext& context)
      : type_(type), where_(where), context_(context) {}

  void add(std::string_view text, int32_t line) {
    line_ = line;
    text = trim(text);
    if (is_word(text, "endif")) return add_endif(trim(text.substr(5)));
    if (is_word(text, "if")) return add_if(trim(text.substr(2)));
    std::optional<Rule> rule = parse_pattern(text);
    if (!rule) return;
    const std::string_view result = trim(text);
    if (result.empty()) warn("no replacement text: using empty string");
    if (add_pieces(result, &*rule)) rules_.push_back(*std::move(rule));
  }

  std::vector<Rule> finish() {
    for (const OpenIf& open : open_ifs_) {
      line_ = open.line;
      warn("IF has no matching ENDIF");
      rules_[open.rule_index].endif_index = rules_.size();
    }
    return std::move(rules_);
  }

 private:
  struct OpenIf {
    size_t rule_index;
    int32_t line;
  };

  void warn(std::string_view text) const {
    context_.warn(fmt::format("{} map {}, line {}: {}", type_, where_, line_, text));
  }
  void skip(std::string_view text) const { warn(fmt::format("{}: skipping this rule", text)); }

  /// A word is over where a pattern could begin: "if/x/" is a condition.
  static bool is_word(std::string_view text, std::string_view word) noexcept {
    if (text.size() < word.size() || !equals_ignore_case(text.substr(0, word.size()), word))
      return false;
    return text.size() == word.size() || !text::kAlnum.has(text[word.size()]);
  }

  /// Takes `!/pattern/flags` off `text`; nullopt after a warning.
  std::optional<Rule> parse_pattern(std::string_view& text) const {
    Rule rule;
    while (text.starts_with('!')) {
      rule.negated = !rule.negated;
      text = trim_left(text.substr(1));
    }
    if (text.empty() || text::kAlnum.has(text[0]) || is_blank(text[0])) {
      skip("no regular expression, or one without delimiters");
      return std::nullopt;
    }
    const char delimiter = text[0];
    size_t end = 1;
    while (end < text.size() && text[end] != delimiter) end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) {
      skip(fmt::format("no closing regexp delimiter \"{}\"", delimiter));
      return std::nullopt;
    }
    const std::string_view pattern = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const bool pcre = type_ == "pcre";
    uint32_t options = PCRE2_CASELESS | (pcre ? PCRE2_DOTALL : 0u) | PCRE2_NEVER_BACKSLASH_C;
    while (!text.empty() && !is_blank(text[0])) {
      const std::optional<uint32_t> option = flag_option(text[0], pcre);
      if (!option) {
        skip(fmt::format("unknown regexp option \"{}\"", text[0]));
        return std::nullopt;
      }
      options ^= *option;
      text.remove_prefix(1);
    }
    if (!compile(pattern, options, &rule)) return std::nullopt;
    return rule;
  }

  bool compile(std::string_view pattern, uint32_t options, Rule* rule) const {
    if (pattern.size() > kPatternBytesMax) {
      skip("regular expression too long");
      return false;
    }
    int error = 0;
    size_t offset = 0;
    rule->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options, &error, &offset, nullptr));
    if (rule->code) {
      static_cast<void>(pcre2_jit_compile(rule->code.get(), PCRE2_JIT_COMPLETE));  // else slower
      return true;
    }
    std::array<PCRE2_UCHAR, 160> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    skip(fmt::format("error in regex at offset {}: {}", offset,
                     reinterpret_cast<const char*>(message.data())));
    return false;
  }

  /// Cuts a result into text and groups; false after a warning.
  bool add_pieces(std::string_view result, Rule* rule) const {
    uint32_t groups = 0;
    pcre2_pattern_info(rule->code.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
    std::string text;
    while (!result.empty()) {
      const char c = result[0];
      result.remove_prefix(1);
      if (c != '$') {
        text += c;
      } else if (result.starts_with('$')) {
        text += '$';
        result.remove_prefix(1);
      } else {
        const std::optional<uint32_t> group = take_group(result);
        if (!group || *group == 0 || *group > groups || *group > kGroupsMax || rule->negated ||
            context_.literal_results) {
          skip(context_.literal_results ? "$number substitution is not allowed here"
               : rule->negated          ? "$number substitution with a negated pattern"
                                        : "bad $number: no such group in the regular expression");
          return false;
        }
        rule->pieces.push_back({.text = std::move(text), .group = *group});
        text.clear();
      }
    }
    if (!text.empty()) rule->pieces.push_back({.text = std::move(text)});
    return true;
  }

  /// Takes 1, {1} or (1) off `text`.
  static std::optional<uint32_t> take_group(std::string_view& text) noexcept {
    const bool braced = text.starts_with('{') || text.starts_with('(');
    size_t end = braced ? 1 : 0;
    uint32_t number = 0;
    const size_t begin = end;
    while (end < text.size() && is_digit(text[end]) && end - begin < 3) {
      number = number * 10 + static_cast<uint32_t>(text[end++] - '0');
    }
    if (end == begin) return std::nullopt;
    if (braced) {
      if (end == text.size() || text[end] != (text[0] == '{' ? '}' : ')')) return std::nullopt;
      ++end;
    }
    text.remove_prefix(end);
    return number;
  }

  void add_if(std::string_view text) {
    std::optional<Rule> rule = parse_pattern(text);
    if (!rule) rule.emplace();  // guards nothing safely: its whole block never matches
    if (!trim(text).empty() && rule->code) warn("ignoring extra text after IF");
    rule->kind = Rule::Kind::kIf;
    open_ifs_.push_back({.rule_index = rules_.size(), .line = line_});
    rules_.push_back(*std::move(rule));
  }

  void add_endif(std::string_view rest) {
    if (open_ifs_.empty()) return warn("ignoring ENDIF without matching IF");
    if (!rest.empty()) warn("ignoring extra text after ENDIF");
    rules_[open_ifs_.back().rule_index].endif_index = rules_.size();
    open_ifs_.pop_back();
    rules_.emplace_back().kind = Rule::Kind::kEndif;
  }

  std::string_view type_;
  std::string where_;
  const OpenContext& context_;
  int32_t line_ = 0;
  std::vector<Rule> rules_;
  std::vector<OpenIf> open_ifs_;
};

std::unique_ptr<Table> open_rules(std::string_view spec, std::string_view type,
                                  std::string_view name, const OpenContext& context) {
  name = trim(name);
  RegexpBuilder builder(type, name, context);
  const std::string problem =
      read_rules(name, fmt::format("\"{}:{{ {{/pattern/ result}}, ... }}\"", type), context,
                 [&](std::string_view rule, int32_t line) { builder.add(rule, line); });
  if (!problem.empty()) return unavailable_table(spec, problem, context);
  return std::make_unique<RegexpTable>(std::string(spec), builder.finish());
}

}  // namespace

std::unique_ptr<Table> open_pcre_table(std::string_view spec, std::string_view name,
                                       const OpenContext& context) {
  return open_rules(spec, "pcre", name, context);
}

std::unique_ptr<Table> open_regexp_table(std::string_view spec, std::string_view name,
                                         const OpenContext& context) {
  return open_rules(spec, "regexp", name, context);
}

}  // namespace barid::lookup
