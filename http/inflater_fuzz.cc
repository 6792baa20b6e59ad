// Property: any bytes inflate to the same, or to the same refusal, whatever their pieces; nothing
// goes beyond the bound; what zlib packed comes out as it went in.
#include <zlib.h>

#include <cstdint>

#include "core/base/assert.h"
#include "core/base/rng.h"
#include "http/inflater.h"

using namespace barid;
using namespace barid::http;

namespace {

constexpr size_t kBytesMax = 64 * 1024;

class Collector final : public BodySink {
 public:
  bool on_body(std::string_view bytes) override {
    if (data.size() + bytes.size() > kBytesMax) return false;
    data += bytes;
    return true;
  }
  std::string data;
};

struct Outcome {
  Code code = Code::kOk;
  bool complete = false;
  std::string data;
  bool operator==(const Outcome&) const = default;
};

Outcome inflate_in_pieces(std::string_view bytes, size_t piece_bytes) {
  Collector out;
  Inflater inflater(out);
  Outcome outcome;
  while (!bytes.empty() && outcome.code == Code::kOk) {
    const Status status = inflater.add(bytes.substr(0, piece_bytes));
    if (!status.ok()) outcome.code = status.error().code;
    bytes.remove_prefix(std::min(piece_bytes, bytes.size()));
  }
  outcome.complete = inflater.complete();
  // Behind a refusal nobody looks: how far it got may differ.
  if (outcome.code == Code::kOk) outcome.data = std::move(out.data);
  if (outcome.code != Code::kOk) outcome.complete = false;
  return outcome;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  BARID_ASSERT(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  BARID_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = inflate_in_pieces(bytes, std::max<size_t>(size, 1));
  BARID_ASSERT(whole == inflate_in_pieces(bytes, 1));
  Rng rng(size);
  BARID_ASSERT(whole == inflate_in_pieces(bytes, 1 + rng.below(40)));
  if (size > kBytesMax) return 0;
  const Outcome back = inflate_in_pieces(gzip(bytes), 1 + rng.below(4096));
  BARID_ASSERT(back.code == Code::kOk && back.complete && back.data == bytes);
  return 0;
}
