// Any bytes as a record or key: no crash, and what decodes comes back from its own encoding.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "shard/queue/record.h"

namespace {

using barid::queue::decode_message;
using barid::queue::encode_message;

void check_record(std::string_view bytes) {
  const barid::QueueId id{.micros = 1, .partition = 2};
  const auto first = decode_message(id, bytes);
  if (!first.ok()) return;
  BARID_ASSERT((*first)->status.size() == (*first)->envelope.recipients.size());
  std::string encoded;
  encode_message(**first, &encoded);
  const auto second = decode_message(id, encoded);
  BARID_ASSERT(second.ok());
  std::string again;
  encode_message(**second, &again);
  BARID_ASSERT(again == encoded);
  // What a record names as its entries must be usable as keys.
  for (const std::string& destination : (*first)->filed_under) {
    const std::string key = barid::queue::schedule_key(destination, (*first)->due, id);
    const auto parsed = barid::queue::parse_schedule_key(key);
    BARID_ASSERT(parsed.ok() && parsed->destination == destination);
    BARID_ASSERT(parsed->due == (*first)->due && parsed->id == id);
  }
}

void check_key(std::string_view bytes) {
  const auto parsed = barid::queue::parse_schedule_key(bytes);
  if (!parsed.ok()) return;
  BARID_ASSERT(barid::queue::schedule_key(parsed->destination, parsed->due, parsed->id) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_record(bytes);
  check_key(bytes);
  return 0;
}
