// SPF records as a stranger's DNS serves them: every record gets a verdict, within the limits of
// RFC 7208 4.6.4 on what is asked. The input's lines are the TXT records, one for each name asked.
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "tools/barid/spf_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  int questions = 0;
  const auto ask = [&](const std::string&, dns::RecordType type) {
    ++questions;
    dns::Answer answer{.status = dns::AnswerStatus::kNoData};
    if (type != dns::RecordType::kTxt || rest.empty()) return answer;
    answer.status = dns::AnswerStatus::kOk;
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    answer.texts.emplace_back(line);
    return answer;
  };
  const auto address = lookup::IpAddress::parse("192.0.2.1");
  const tools::SpfVerdict verdict = tools::check_spf("a.example", *address, ask);
  BARID_ASSERT(!tools::spf_result_name(verdict.result).empty());
  BARID_ASSERT(questions < 500);
  return 0;
}
