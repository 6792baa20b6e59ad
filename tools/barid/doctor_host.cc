// barid doctor: the machine. Limits, io_uring, disk, clock, certificates.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "core/crypto/certificate_dates.h"
#include "core/lookup/files.h"
#include "core/lookup/split.h"
#include "shard/net/socket_address.h"
#include "shard/runtime/io_select.h"
#include "tools/barid/doctor.h"

namespace barid::tools {
namespace {

constexpr uint64_t kDescriptorsWanted = 65'536;
constexpr int kSyncsCount = 30;
constexpr int kConnectMillis = 5'000;
constexpr int64_t kDay = 86'400;

void examine_limits(const DoctorEnv& env) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const bool enough = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= kDescriptorsWanted;
  env.add({.check = "limits",
           .subject = "descriptors",
           .health = enough ? Health::kOk : Health::kWarning,
           .text = fmt::format("a process may have {} open descriptors", limit.rlim_max),
           .advice = enough
                         ? ""
                         : fmt::format("each session is one: raise the limit to {} (LimitNOFILE= "
                                       "of systemd, ulimit -Hn)",
                                       kDescriptorsWanted)});
}

void examine_io(const DoctorEnv& env) {
  const Result<rt::SelectedIo> selected = rt::select_io(rt::IoChoice::kAuto);
  const bool uring = selected.ok() && selected->io->name() == "io_uring";
  env.add({.check = "io_uring",
           .subject = {},
           .health = uring ? Health::kOk : Health::kWarning,
           .text = uring ? "the kernel grants io_uring"
                         : fmt::format("io_uring is refused ({}); epoll serves instead",
                                       selected.ok() ? selected->fallback_reason : "no back end"),
           .advice = uring ? ""
                           : "allow it in the container's seccomp profile, or in "
                             "/proc/sys/kernel/io_uring_disabled"});
}

/// The directory itself, or the nearest one above it that exists.
std::string existing_directory(const std::string& path) {
  std::filesystem::path directory(path);
  std::error_code error;
  while (!directory.empty() && !std::filesystem::is_directory(directory, error)) {
    if (directory == directory.parent_path()) return "/";
    directory = directory.parent_path();
  }
  return directory.string();
}

/// Median and worst of a few synced writes of 4 KiB, in microseconds; empty: they fail.
std::vector<int64_t> time_syncs(const std::string& directory, int* error_number) {
  std::string path = directory + "/.barid-doctor-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) {
    *error_number = errno;
    return {};
  }
  ::unlink(path.c_str());
  const std::array<char, 4096> block{};
  std::vector<int64_t> times;
  for (int i = 0; i < kSyncsCount; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (::pwrite(fd, block.data(), block.size(), i * 4096) != 4096 || ::fdatasync(fd) != 0) {
      *error_number = errno;
      times.clear();
      break;
    }
    const auto took = std::chrono::steady_clock::now() - start;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  ::close(fd);
  std::sort(times.begin(), times.end());
  return times;
}

void examine_disk(const DoctorEnv& env) {
  const std::string queue = env.configuration.get("queue_directory");
  const std::string directory = existing_directory(queue);
  int error_number = 0;
  const std::vector<int64_t> times = time_syncs(directory, &error_number);
  Finding sync{
      .check = "disk", .subject = directory, .health = Health::kOk, .text = {}, .advice = {}};
  if (times.empty()) {
    sync.health = Health::kFailed;
    sync.text = fmt::format("a synced write fails: {}", std::strerror(error_number));
    sync.advice = "the queue directory must be writable for the user that the server runs as";
  } else {
    const int64_t median = times[times.size() / 2];
    sync.text = fmt::format("fdatasync takes {:.2f} ms (median), {:.2f} ms (worst of {})",
                            static_cast<double>(median) / 1e3,
                            static_cast<double>(times.back()) / 1e3, times.size());
    if (median > 20'000) {
      sync.health = Health::kWarning;
      sync.advice = "each 250 waits for a sync: put queue_directory on a faster disk";
    }
  }
  env.add(std::move(sync));
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return;
  const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
  const auto size_limit = static_cast<uint64_t>(env.configuration.get_int("message_size_limit"));
  const uint64_t wanted = std::max<uint64_t>(
      static_cast<uint64_t>(env.configuration.get_int("queue_minfree")), size_limit * 3 / 2);
  const bool enough = free >= wanted;
  env.add({.check = "space",
           .subject = directory,
           .health = enough ? Health::kOk : Health::kFailed,
           .text = fmt::format("{} MB are free", free / 1'000'000),
           .advice = enough ? "" : fmt::format("mail is refused below {} MB", wanted / 1'000'000)});
}

void examine_clock(const DoctorEnv& env) {
  timex state{};
  const int result = ::adjtimex(&state);
  const bool synchronised = result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  env.add({.check = "clock",
           .subject = {},
           .health = synchronised ? Health::kOk : Health::kWarning,
           .text = synchronised ? "the clock is synchronised"
                                : "the kernel does not know the clock to be synchronised",
           .advice = synchronised
                         ? ""
                         : "run chrony or systemd-timesyncd: signatures carry the time, and "
                           "certificates are checked against it"});
}

void examine_certificates(const DoctorEnv& env) {
  std::vector<std::string> paths;
  for (const char* name :
       {"smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file"}) {
    const std::string value = env.configuration.get(name);
    for (const std::string_view path : lookup::split_list(value)) {
      if (path != "none") paths.emplace_back(path);
    }
  }
  if (paths.empty()) {
    env.add({.check = "certificate",
             .subject = {},
             .health = Health::kWarning,
             .text = "smtpd has no certificate",
             .advice = "set smtpd_tls_chain_files, so that clients can encrypt"});
  }
  for (const std::string& path : paths) {
    Finding finding{
        .check = "certificate", .subject = path, .health = Health::kOk, .text = {}, .advice = {}};
    const Result<std::string> pem = lookup::read_whole_file(path);
    const auto end = pem.ok() ? crypto::first_certificate_end(*pem) : std::nullopt;
    if (!end) {
      finding.health = Health::kFailed;
      finding.text =
          pem.ok() ? "the file holds no certificate" : lookup::open_failure(path, pem.error());
      finding.advice = "name a PEM file that the server may read";
    } else {
      const int64_t days = (*end - env.options.now) / kDay;
      finding.text = *end < env.options.now ? "the certificate has expired"
                                            : fmt::format("the certificate ends in {} days", days);
      if (*end < env.options.now)
        finding.health = Health::kFailed;
      else if (days < 14)
        finding.health = Health::kWarning;
      if (finding.health != Health::kOk) finding.advice = "renew it";
    }
    env.add(std::move(finding));
  }
}

}  // namespace

std::string try_connect(const std::string& ip, uint16_t port) {
  const auto address = net::SocketAddress::from_ip(ip, port);
  if (!address) return "not an address";
  const int fd = ::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::strerror(errno);
  std::string problem;
  if (::connect(fd, address->raw(), address->size()) != 0 && errno != EINPROGRESS) {
    problem = std::strerror(errno);
  } else {
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    int error = 0;
    socklen_t bytes = sizeof error;
    if (::poll(&waiting, 1, kConnectMillis) <= 0) {
      problem = "no answer within 5 s";
    } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error != 0) {
      problem = std::strerror(error);
    }
  }
  ::close(fd);
  return problem;
}

void examine_host(const DoctorEnv& env) {
  examine_limits(env);
  examine_io(env);
  examine_disk(env);
  examine_clock(env);
  examine_certificates(env);
}

}  // namespace barid::tools
