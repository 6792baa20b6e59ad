#include "http/inflater.h"

#include <zlib.h>

#include <array>

#include "core/base/assert.h"

namespace barid::http {

struct Inflater::State {
  State() { BARID_ASSERT(inflateInit2(&stream, kGzipOnly + MAX_WBITS) == Z_OK); }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static constexpr int kGzipOnly = 16;
  z_stream stream{};
  bool in_member = false;  ///< bytes of a member were seen, and not yet its end
  bool any = false;
};

Inflater::Inflater(BodySink& out) : out_(out), state_(std::make_unique<State>()) {}
Inflater::~Inflater() = default;

bool Inflater::complete() const noexcept { return state_->any && !state_->in_member; }

Status Inflater::add(std::string_view bytes) {
  std::array<char, 16 * 1024> piece;
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  while (stream.avail_in > 0) {
    if (!state_->in_member) {
      if (state_->any) inflateReset(&stream);  // RFC 1952 2.2: members may follow one another
      state_->in_member = state_->any = true;
    }
    int code = Z_OK;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = piece.size();
      code = inflate(&stream, Z_NO_FLUSH);
      // What came out before the damage counts first: the same refusal, whatever the pieces.
      const size_t produced = piece.size() - stream.avail_out;
      if (produced > 0 && !out_.on_body({piece.data(), produced})) {
        return Error{.code = Code::kTooLong};
      }
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Error{.code = Code::kMalformed, .text = "damaged gzip data"};
      }
    } while (code == Z_OK && stream.avail_out == 0);
    if (code == Z_STREAM_END) state_->in_member = false;
    if (code == Z_BUF_ERROR && stream.avail_in > 0) {
      return Error{.code = Code::kMalformed, .text = "damaged gzip data"};
    }
  }
  return {};
}

}  // namespace barid::http
