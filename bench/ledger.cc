#include "bench/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "bench/content_hash.h"

namespace barid::bench {

Result<std::unique_ptr<LedgerWriter>> LedgerWriter::open(const Options& options) {
  const int fd = ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return error_from_errno(errno, "cannot open the ledger");
  return std::unique_ptr<LedgerWriter>(new LedgerWriter(fd, options.sync));
}

LedgerWriter::~LedgerWriter() { ::close(fd_); }

void LedgerWriter::add(std::string_view sequence, std::string_view recipient, uint64_t hash) {
  char hex[ContentHash::kHexBytes];
  write_hex64(hash, hex);
  buffer_ += sequence;
  buffer_ += ' ';
  buffer_ += recipient;
  buffer_ += ' ';
  buffer_.append(hex, sizeof hex);
  buffer_ += '\n';
}

Status LedgerWriter::flush() {
  if (buffer_.empty()) return {};
  const char* at = buffer_.data();
  size_t left = buffer_.size();
  while (left > 0) {
    const ssize_t written = ::write(fd_, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      buffer_.clear();
      return error_from_errno(errno, "cannot write the ledger");
    }
    at += written;
    left -= static_cast<size_t>(written);
  }
  buffer_.clear();
  if (sync_ && ::fdatasync(fd_) != 0) return error_from_errno(errno, "cannot sync the ledger");
  return {};
}

}  // namespace barid::bench
