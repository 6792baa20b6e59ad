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

#include "core/lookup/files.h"
#include "shard/net/socket_address.h"
#include "shard/runtime/io_select.h"
#include "tools/barid/doctor.h"

namespace barid::tools {
namespace {

constexpr int kSyncsCount = 30;
constexpr int kConnectMillis = 5'000;

void examine_limits(const DoctorEnv& env) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  env.add(judge_descriptors(limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max));
}

void examine_io(const DoctorEnv& env) {
  const std::string wanted = env.configuration.get("io_backend");
  const Result<rt::SelectedIo> selected = rt::select_io(rt::IoChoice::kAuto);
  const bool uring = selected.ok() && selected->io->name() == "io_uring";
  const std::string refusal = selected.ok() ? selected->fallback_reason : "no back end";
  env.add(judge_io(uring ? std::string() : refusal, wanted));
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
  env.add(judge_syncs(directory, times, error_number));
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return;
  const auto size_limit = static_cast<uint64_t>(env.configuration.get_int("message_size_limit"));
  const uint64_t wanted = std::max<uint64_t>(
      static_cast<uint64_t>(env.configuration.get_int("queue_minfree")), size_limit * 3 / 2);
  env.add(judge_space(directory, uint64_t{space.f_bavail} * space.f_frsize, wanted));
}

void examine_clock(const DoctorEnv& env) {
  timex state{};
  const int result = ::adjtimex(&state);
  env.add(judge_clock(result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0));
}

void examine_certificates(const DoctorEnv& env) {
  std::vector<std::string> paths;
  const auto add_those_of = [&paths](const config::Configuration::Scope& scope) {
    for (const char* name :
         {"smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file"}) {
      for (std::string& path : scope.get_list(name)) {
        const bool known = std::find(paths.begin(), paths.end(), path) != paths.end();
        if (path != "none" && !known) paths.push_back(std::move(path));
      }
    }
  };
  add_those_of(env.configuration.global());
  for (const config::ServiceEntry& entry : env.configuration.services()) {
    if (entry.is_inet()) add_those_of(env.configuration.service(entry));
  }
  if (paths.empty()) {
    env.add({.check = "certificate",
             .subject = {},
             .health = Health::kWarning,
             .text = "smtpd has no certificate",
             .advice = "set smtpd_tls_chain_files, so that clients can encrypt"});
  }
  for (const std::string& path : paths) {
    const Result<std::string> pem = lookup::read_whole_file(path);
    env.add(pem.ok() ? judge_certificate(path, *pem, env.options.now)
                     : Finding{.check = "certificate",
                               .subject = path,
                               .health = Health::kFailed,
                               .text = lookup::open_failure(path, pem.error()),
                               .advice = "name a PEM file that the server may read"});
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
