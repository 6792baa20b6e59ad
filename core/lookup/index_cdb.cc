// The cdb type: Bernstein's constant database.
#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/lookup/index_formats.h"

namespace barid::lookup {
namespace {

std::string reason_of(int error_number) {
  // EPROTO is how the library says that the file makes no sense.
  if (error_number == EPROTO) return "it is no such database";
  return std::generic_category().message(error_number);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string read_cdb(const std::string& path, std::vector<IndexEntry>* out) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return reason_of(errno);
  cdb database{};
  if (cdb_init(&database, fd.get()) != 0) return reason_of(errno);
  size_t bytes = 0;
  std::string problem;
  unsigned position = 0;
  cdb_seqinit(&position, &database);
  for (;;) {
    const int got = cdb_seqnext(&position, &database);
    if (got == 0) break;
    const auto* key = got > 0 ? static_cast<const char*>(cdb_get(&database, cdb_keylen(&database),
                                                                 cdb_keypos(&database)))
                              : nullptr;
    const auto* value = key != nullptr
                            ? static_cast<const char*>(cdb_get(&database, cdb_datalen(&database),
                                                               cdb_datapos(&database)))
                            : nullptr;
    if (value == nullptr) {
      problem = reason_of(EPROTO);
    } else if (!add_stored({key, cdb_keylen(&database)}, {value, cdb_datalen(&database)}, &bytes,
                           out)) {
      problem = kTooMuch;
    }
    if (!problem.empty()) break;
  }
  cdb_free(&database);
  return problem;
}

std::string write_cdb(const std::string& path, std::span<const IndexEntry> entries, bool with_nul) {
  const Descriptor fd(::open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC));
  if (fd.get() < 0) return reason_of(errno);
  cdb_make maker{};
  if (cdb_make_start(&maker, fd.get()) != 0) return reason_of(errno);
  const size_t nul = with_nul ? 1 : 0;
  for (const IndexEntry& entry : entries) {
    if (cdb_make_add(&maker, entry.key.c_str(), static_cast<unsigned>(entry.key.size() + nul),
                     entry.value.c_str(), static_cast<unsigned>(entry.value.size() + nul)) != 0) {
      const int error = errno;
      cdb_make_finish(&maker);
      return reason_of(error);
    }
  }
  return cdb_make_finish(&maker) == 0 ? std::string() : reason_of(errno);
}

}  // namespace barid::lookup
