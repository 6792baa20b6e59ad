// barid doctor: what is thought of what the machine said. Pure.
#include <fmt/format.h>

#include <cstring>

#include "core/crypto/certificate_dates.h"
#include "tools/barid/doctor.h"

namespace barid::tools {
namespace {

constexpr uint64_t kDescriptorsWanted = 65'536;
constexpr int64_t kSlowSyncMicros = 20'000;
constexpr int64_t kDay = 86'400;
constexpr int64_t kRenewalDays = 14;

}  // namespace

Finding judge_descriptors(uint64_t limit) {
  const bool enough = limit >= kDescriptorsWanted;
  return {.check = "limits",
          .subject = "descriptors",
          .health = enough ? Health::kOk : Health::kWarning,
          .text = limit == UINT64_MAX
                      ? "a process may have any number of open descriptors"
                      : fmt::format("a process may have {} open descriptors", limit),
          .advice = enough ? ""
                           : fmt::format("each session is one: raise the limit to {} (LimitNOFILE= "
                                         "of systemd, ulimit -Hn)",
                                         kDescriptorsWanted)};
}

Finding judge_io(std::string_view refusal, std::string_view configured) {
  if (refusal.empty() && configured == "epoll") {
    return {.check = "io_uring",
            .subject = {},
            .health = Health::kWarning,
            .text = "the kernel grants io_uring, but io_backend = epoll",
            .advice = "set io_backend = auto: io_uring takes about half the processor time"};
  }
  if (refusal.empty()) {
    return {.check = "io_uring",
            .subject = {},
            .health = Health::kOk,
            .text = "the kernel grants io_uring",
            .advice = {}};
  }
  const bool insisted = configured == "io_uring";
  return {.check = "io_uring",
          .subject = {},
          .health = insisted ? Health::kFailed : Health::kWarning,
          .text = fmt::format("io_uring is refused ({}); {}", refusal,
                              insisted ? "with io_backend = io_uring the server does not start"
                                       : "epoll serves instead"),
          .advice =
              "allow it in the container's seccomp profile, or in "
              "/proc/sys/kernel/io_uring_disabled"};
}

Finding judge_syncs(std::string directory, std::span<const int64_t> sorted_micros,
                    int error_number) {
  Finding sync{.check = "disk",
               .subject = std::move(directory),
               .health = Health::kOk,
               .text = {},
               .advice = {}};
  if (sorted_micros.empty()) {
    sync.health = Health::kFailed;
    sync.text = fmt::format("a synced write fails: {}", std::strerror(error_number));
    sync.advice = "the queue directory must be writable for the user that the server runs as";
    return sync;
  }
  const int64_t median = sorted_micros[sorted_micros.size() / 2];
  sync.text = fmt::format("fdatasync takes {:.2f} ms (median), {:.2f} ms (worst of {})",
                          static_cast<double>(median) / 1e3,
                          static_cast<double>(sorted_micros.back()) / 1e3, sorted_micros.size());
  if (median > kSlowSyncMicros) {
    sync.health = Health::kWarning;
    sync.advice = "each 250 waits for a sync: put queue_directory on a faster disk";
  }
  return sync;
}

Finding judge_space(std::string directory, uint64_t free_bytes, uint64_t wanted_bytes) {
  const bool enough = free_bytes >= wanted_bytes;
  return {
      .check = "space",
      .subject = std::move(directory),
      .health = enough ? Health::kOk : Health::kFailed,
      .text = fmt::format("{} MB are free", free_bytes / 1'000'000),
      .advice = enough ? "" : fmt::format("mail is refused below {} MB", wanted_bytes / 1'000'000)};
}

Finding judge_clock(bool synchronised) {
  return {.check = "clock",
          .subject = {},
          .health = synchronised ? Health::kOk : Health::kWarning,
          .text = synchronised ? "the clock is synchronised"
                               : "the kernel does not know the clock to be synchronised",
          .advice = synchronised
                        ? ""
                        : "run chrony or systemd-timesyncd: signatures carry the time, and "
                          "certificates are checked against it"};
}

Finding judge_certificate(std::string path, std::string_view pem, int64_t now) {
  Finding finding{.check = "certificate",
                  .subject = std::move(path),
                  .health = Health::kOk,
                  .text = {},
                  .advice = {}};
  const std::optional<int64_t> end = crypto::first_certificate_end(pem);
  if (!end) {
    finding.health = Health::kFailed;
    finding.text = "the file holds no certificate";
    finding.advice = "name a PEM file that the server may read";
    return finding;
  }
  const int64_t days = (*end - now) / kDay;
  finding.text = *end < now ? "the certificate has expired"
                            : fmt::format("the certificate ends in {} days", days);
  if (*end < now) {
    finding.health = Health::kFailed;
  } else if (days < kRenewalDays) {
    finding.health = Health::kWarning;
  }
  if (finding.health != Health::kOk) finding.advice = "renew it";
  return finding;
}

}  // namespace barid::tools
