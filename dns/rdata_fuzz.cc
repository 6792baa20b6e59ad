// Property: whatever decodes is well-formed: a name encoded again gives the same bytes, contains
// only printable ASCII and no blank; data sizes add up; malformed records leave the answer
// unchanged.
#include "core/base/assert.h"
#include "dns/rdata.h"

namespace {

using namespace barid::dns;

std::string encode_name(std::string_view name) {
  std::string wire;
  std::string label;
  const auto end_label = [&] {
    wire += static_cast<char>(label.size());
    wire += label;
    label.clear();
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '.') {
      end_label();
    } else if (name[i] != '\\') {
      label += name[i];
    } else if (name[i + 1] == '.' || name[i + 1] == '\\') {
      label += name[++i];
    } else {
      label += static_cast<char>((name[i + 1] - '0') * 100 + (name[i + 2] - '0') * 10 +
                                 (name[i + 3] - '0'));
      i += 3;
    }
  }
  if (!name.empty()) end_label();
  return wire + '\0';
}

void check_name(std::string_view wire) {
  const auto name = decode_name(wire);
  if (!name) return;
  for (const char c : *name) BARID_ASSERT(c > ' ' && c < '\x7f');
  BARID_ASSERT(encode_name(*name) == wire);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  check_name(wire);
  if (const auto mx = decode_mx(wire)) BARID_ASSERT(encode_name(mx->host) == wire.substr(2));
  if (const auto text = decode_text(wire)) BARID_ASSERT(text->size() < size);
  if (const auto tlsa = decode_tlsa(wire)) BARID_ASSERT(tlsa->data.size() + 3 == size);
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa, RecordType::kMx,
                                RecordType::kPtr, RecordType::kTxt, RecordType::kTlsa}) {
    Answer answer;
    const Answer before = answer;
    BARID_ASSERT(append_record(answer, type, wire) == !(answer == before));
  }
  return 0;
}
