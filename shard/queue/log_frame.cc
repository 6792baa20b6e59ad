#include "shard/queue/log_frame.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"

namespace barid::queue {
namespace {

constexpr uint64_t kFileMagic = 0x31676f4c64697261;  // "aridLog1"
constexpr uint32_t kFrameTag = 0x6d617246;           // "Fram"
constexpr uint32_t kContinued = 1u << 31;            // in the length field

template <typename T>
void store(char* at, T value) noexcept {
  for (size_t i = 0; i < sizeof value; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <typename T>
T load(const char* at) noexcept {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(at[i])) << (8 * i));
  }
  return value;
}

uint32_t tag_of(uint64_t log_number) noexcept {
  return kFrameTag ^ static_cast<uint32_t>(log_number);
}

uint64_t checksum_of(std::string_view payload, uint32_t length_field, uint64_t chain) noexcept {
  return XXH3_64bits_withSeed(payload.data(), payload.size(), chain + length_field);
}

}  // namespace

std::array<char, kLogHeaderBytes> LogFrameWriter::file_header() const noexcept {
  std::array<char, kLogHeaderBytes> header;
  store(header.data(), kFileMagic);
  store(header.data() + 8, log_number_);
  store(header.data() + 16, block_bytes_);
  return header;
}

std::array<char, kLogFrameHeaderBytes> LogFrameWriter::frame_header(
    std::string_view payload) noexcept {
  BARID_ASSERT(!payload.empty() && payload.size() <= kLogFrameBytesMax);
  const uint32_t length_field =
      static_cast<uint32_t>(payload.size()) | (unsynced_ ? kContinued : 0);
  unsynced_ = true;
  chain_ = checksum_of(payload, length_field, chain_);
  std::array<char, kLogFrameHeaderBytes> header;
  store(header.data(), chain_);
  store(header.data() + 8, length_field);
  store(header.data() + 12, tag_of(log_number_));
  return header;
}

LogFrameReader::LogFrameReader(LogSource& source, uint64_t log_number) noexcept
    : source_(source), log_number_(log_number), chain_(log_number) {}

LogFrameReader::Form LogFrameReader::start() {
  std::array<char, kLogHeaderBytes> header{};
  const size_t got = source_.read(header.data(), header.size());
  const auto magic = load<uint64_t>(header.data());
  // Zeros: a file that was made ready, and whose first write did not reach the disk.
  if (got < header.size() || magic == 0) {
    ended_ = true;
    return magic == 0 || magic == kFileMagic ? Form::kEmpty : Form::kForeign;
  }
  if (magic != kFileMagic) return Form::kForeign;
  block_bytes_ = load<uint32_t>(header.data() + 16);
  if (block_bytes_ < kLogHeaderBytes || block_bytes_ > kLogBlockBytesMax) return Form::kForeign;
  if (load<uint64_t>(header.data() + 8) == log_number_) {
    ended_ = !skip_padding(header.size());
    return Form::kFrames;
  }
  ended_ = true;
  return Form::kEmpty;
}

/// Passes over what pads `bytes` to whole blocks. False at the file's end.
bool LogFrameReader::skip_padding(size_t bytes) {
  std::array<char, 512> scratch;
  for (size_t left = (block_bytes_ - bytes % block_bytes_) % block_bytes_; left > 0;) {
    const size_t step = std::min(left, scratch.size());
    if (source_.read(scratch.data(), step) < step) return false;
    left -= step;
  }
  return true;
}

/// False where there is no whole frame.
bool LogFrameReader::read_frame(uint64_t chain, Frame* frame) {
  std::array<char, kLogFrameHeaderBytes> header;
  if (source_.read(header.data(), header.size()) < header.size()) return false;
  const auto length_field = load<uint32_t>(header.data() + 8);
  const uint32_t length = length_field & ~kContinued;
  if (load<uint32_t>(header.data() + 12) != tag_of(log_number_)) return false;
  if (length == 0 || length > kLogFrameBytesMax) return false;
  frame->payload.resize(length);
  if (source_.read(frame->payload.data(), length) < length) return false;
  static_cast<void>(skip_padding(header.size() + length));  // at the end there may be less of it
  frame->checksum = load<uint64_t>(header.data());
  frame->intact = checksum_of(frame->payload, length_field, chain) == frame->checksum;
  frame->continued = (length_field & kContinued) != 0;
  return true;
}

/// Whether a frame behind the broken one proves that the disk once had that whole: it continues the
/// chain, and a sync lies between them. Frames of the same sync prove nothing.
bool LogFrameReader::has_witness() {
  Frame next;
  for (uint64_t chain = frame_.checksum; read_frame(chain, &next) && next.intact;) {
    if (!next.continued) return true;
    chain = next.checksum;
  }
  return false;
}

bool LogFrameReader::advance() {
  if (ended_) return false;
  consumed_ = 0;
  const bool whole = read_frame(chain_, &frame_);
  if (whole && frame_.intact) {
    chain_ = frame_.checksum;
    return true;
  }
  ended_ = true;
  damaged_ = whole && has_witness();
  frame_ = {};
  return false;
}

size_t LogFrameReader::read(char* out, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    if (consumed_ == frame_.payload.size() && !advance()) break;
    const size_t take = std::min(bytes - done, frame_.payload.size() - consumed_);
    std::memcpy(out + done, frame_.payload.data() + consumed_, take);
    consumed_ += take;
    done += take;
  }
  return done;
}

}  // namespace barid::queue
