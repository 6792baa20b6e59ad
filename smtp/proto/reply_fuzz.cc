// Properties: how the stream is cut never changes what is read; what is kept is bounded and
// printable; a failed reader stays failed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "smtp/proto/reply_reader.h"

namespace {

using barid::smtp::ReplyReader;

std::string drive(std::string_view stream, size_t chunk_bytes) {
  ReplyReader reader;
  std::string transcript;
  while (!stream.empty()) {
    std::string_view bytes = stream.substr(0, chunk_bytes);
    stream.remove_prefix(bytes.size());
    while (!bytes.empty()) {
      const size_t before = bytes.size();
      const auto status = reader.read(bytes);
      if (status == ReplyReader::Status::kFailed) {
        BARID_ASSERT(reader.read(bytes) == ReplyReader::Status::kFailed);
        return transcript + "failed " + barid::code_name(reader.error().code);
      }
      if (status == ReplyReader::Status::kNeedMore) {
        BARID_ASSERT(bytes.empty());
        break;
      }
      BARID_ASSERT(bytes.size() < before);
      const auto& reply = reader.reply();
      BARID_ASSERT(reply.code <= 999 && reply.line_count >= 1);
      BARID_ASSERT(reply.lines.size() <= barid::smtp::kReplyTextBytesMax);
      const auto status_code = reply.status();
      BARID_ASSERT(status_code.klass == 2 || status_code.klass == 4 || status_code.klass == 5);
      transcript += std::to_string(reply.code) + ' ' + status_code.text() + ' ';
      transcript += reader.one_line();
      transcript += '\n';
      for (const char c : reader.one_line()) {
        BARID_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
      }
    }
  }
  return transcript;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = drive(bytes, size + 1);
  BARID_ASSERT(drive(bytes, 1) == whole);
  BARID_ASSERT(drive(bytes, 5) == whole);
  return 0;
}
