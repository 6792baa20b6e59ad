#include "dns/resolver.h"

#include "core/text/ascii.h"

namespace barid::dns {
namespace {

struct TypeName {
  RecordType type;
  std::string_view name;
};
constexpr TypeName kTypeNames[] = {
    {RecordType::kA, "A"},     {RecordType::kPtr, "PTR"},   {RecordType::kMx, "MX"},
    {RecordType::kTxt, "TXT"}, {RecordType::kAaaa, "AAAA"}, {RecordType::kTlsa, "TLSA"},
};

}  // namespace

std::string_view record_type_name(RecordType type) noexcept {
  for (const TypeName& entry : kTypeNames) {
    if (entry.type == type) return entry.name;
  }
  return "unknown";
}

std::optional<RecordType> parse_record_type(std::string_view name) noexcept {
  for (const TypeName& entry : kTypeNames) {
    if (text::equals_ignore_case(entry.name, name)) return entry.type;
  }
  return std::nullopt;
}

std::string_view answer_status_name(AnswerStatus status) noexcept {
  switch (status) {
    case AnswerStatus::kOk:
      return "ok";
    case AnswerStatus::kNxDomain:
      return "nxdomain";
    case AnswerStatus::kNoData:
      return "nodata";
    case AnswerStatus::kServFail:
      return "servfail";
    case AnswerStatus::kTimeout:
      return "timeout";
    case AnswerStatus::kMalformed:
      return "malformed";
    case AnswerStatus::kBogus:
      return "bogus";
    case AnswerStatus::kExhausted:
      return "exhausted";
    case AnswerStatus::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace barid::dns
