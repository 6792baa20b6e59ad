// The form of a partition's write-ahead log files on disk: frames with chained checksums, so that a
// file can be written over an older one and still ends exactly where its own writes end.
//   file:  magic (8), log number (8), block size (4), frames
//   frame: checksum (8), length and the mark "continued" (4), tag of the log number (4), payload
// The file's header and each frame are followed by zeros up to a whole block, which is what a disk
// takes without the help of the page cache.
// The checksum of a frame starts from that of the frame before it, the first from the log number:
// what an earlier log left behind the end is never taken for a continuation, nor, having another
// tag, for damage. "Continued" says that no sync lies between a frame and the one before it: a disk
// that loses power may have the later one and not the earlier. Integers are little-endian. Format:
// docs/formats/queue.md. Pure. Layer: shard/queue.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace barid::queue {

inline constexpr size_t kLogHeaderBytes = 20;
inline constexpr size_t kLogFrameHeaderBytes = 16;
inline constexpr uint32_t kLogBlockBytesMax = 64 * 1024;
inline constexpr size_t kLogFrameBytesMax = 4u << 20;  ///< payload of a frame

class LogFrameWriter {
 public:
  /// `block_bytes`: at least kLogHeaderBytes, at most kLogBlockBytesMax.
  LogFrameWriter(uint64_t log_number, uint32_t block_bytes) noexcept
      : log_number_(log_number), block_bytes_(block_bytes), chain_(log_number) {}

  /// What the file begins with, before its padding.
  [[nodiscard]] std::array<char, kLogHeaderBytes> file_header() const noexcept;
  /// What goes before `payload` (1 to kLogFrameBytesMax bytes).
  [[nodiscard]] std::array<char, kLogFrameHeaderBytes> frame_header(
      std::string_view payload) noexcept;
  /// All frames so far are on the disk.
  void synced() noexcept { unsynced_ = false; }
  /// Zeros that follow `bytes` of header and payload.
  [[nodiscard]] size_t padding(size_t bytes) const noexcept {
    return (block_bytes_ - bytes % block_bytes_) % block_bytes_;
  }

 private:
  uint64_t log_number_;
  uint32_t block_bytes_;
  uint64_t chain_;
  bool unsynced_ = false;
};

/// The bytes of a log file, in order.
class LogSource {
 public:
  virtual ~LogSource() = default;
  /// Fills `buffer`; fewer bytes than asked for: the file ends there, or cannot be read further.
  virtual size_t read(char* buffer, size_t bytes) = 0;
};

class LogFrameReader {
 public:
  enum class Form : uint8_t {
    kFrames,  ///< read() gives the payloads
    kEmpty,   ///< never written by this log: nothing in it is ours
    kForeign  ///< no frames: a log of an older version, or damaged
  };

  LogFrameReader(LogSource& source, uint64_t log_number) noexcept;

  /// Reads the file's header. Call once, before read().
  [[nodiscard]] Form start();
  /// Payload bytes in order. Fewer than asked for: the log ends there, or is damaged().
  size_t read(char* out, size_t bytes);
  /// A frame fails its checksum although one that was written after a later sync is whole. Without
  /// such a witness it is a write that was cut short, and the log ends before it.
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

 private:
  struct Frame {
    std::string payload;
    uint64_t checksum = 0;
    bool intact = false;
    bool continued = false;
  };
  bool read_frame(uint64_t chain, Frame* frame);
  bool skip_padding(size_t bytes);
  bool advance();
  bool has_witness();

  LogSource& source_;
  uint64_t log_number_;
  uint32_t block_bytes_ = 0;
  uint64_t chain_;
  Frame frame_;
  size_t consumed_ = 0;
  bool ended_ = false;
  bool damaged_ = false;
};

}  // namespace barid::queue
