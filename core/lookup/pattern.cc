#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/lookup/pattern.h"

#include <pcre2.h>

namespace barid::lookup {
namespace {

constexpr uint32_t kMatchLimit = 100'000;
constexpr uint32_t kDepthLimit = 1'000;

struct FreeCode {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const noexcept {
    pcre2_match_context_free(context);
  }
};

std::string message_of(int error) {
  PCRE2_UCHAR text[160];
  if (pcre2_get_error_message(error, text, sizeof text) < 0) return "bad expression";
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::unique_ptr<pcre2_match_data, FreeData> data;
  std::unique_ptr<pcre2_match_context, FreeContext> context;
};

Pattern::Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Pattern Pattern::compile(std::string_view expression, std::string_view flags,
                         std::string* problem) {
  uint32_t options = PCRE2_NEVER_BACKSLASH_C;
  for (const char flag : flags) {
    if (flag != 'i') {
      *problem = std::string("unknown flag ") + flag;
      return {};
    }
    options |= PCRE2_CASELESS;
  }
  int error = 0;
  PCRE2_SIZE where = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()),
                                     expression.size(), options, &error, &where, nullptr));
  if (!compiled->code) {
    *problem = message_of(error) + " at character " + std::to_string(where + 1);
    return {};
  }
  // Without JIT it is slower, and matches the same.
  static_cast<void>(pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE));
  compiled->data.reset(pcre2_match_data_create(1, nullptr));
  compiled->context.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled->context.get(), kMatchLimit);
  pcre2_set_depth_limit(compiled->context.get(), kDepthLimit);
  Pattern pattern;
  pattern.compiled_ = std::move(compiled);
  return pattern;
}

bool Pattern::matches(std::string_view subject) const noexcept {
  if (!compiled_) return false;
  const int found =
      pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()),
                  subject.size(), 0, 0, compiled_->data.get(), compiled_->context.get());
  return found >= 0;
}

}  // namespace barid::lookup
