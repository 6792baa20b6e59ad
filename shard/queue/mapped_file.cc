#include "shard/queue/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace barid::queue {

MappedFile::~MappedFile() {
  if (!words_.empty()) munmap(words_.data(), words_.size_bytes());
}

Result<MappedFile> MappedFile::open(const std::string& path, size_t words_count) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return error_from_errno(errno);
  const size_t bytes = words_count * sizeof(uint64_t);
  // Allocated now: a store into a hole of a full disk would be SIGBUS.
  int failure = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  void* memory = MAP_FAILED;
  if (failure == 0) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) failure = errno;
  }
  ::close(fd);
  if (memory == MAP_FAILED) return error_from_errno(failure);
  MappedFile file;
  file.words_ = {static_cast<uint64_t*>(memory), words_count};
  return file;
}

}  // namespace barid::queue
