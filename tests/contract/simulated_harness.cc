#include "tests/contract/simulated_harness.h"

#include "shard/sim/sim_network.h"

namespace barid::contract {
namespace {

using net::SocketAddress;

class SimulatedHarness final : public IoHarness {
 public:
  rt::Reactor& reactor() noexcept override { return reactor_; }

  bool run_until(const std::function<bool()>& done, Duration limit) override {
    const MonoTime end = clock_.mono() + limit;
    while (!done()) {
      const bool worked = reactor_.turn(Duration::zero());
      if (worked || io_.has_work() || done()) continue;
      MonoTime next = end;
      if (const auto arrival = network_.next_arrival()) next = std::min(next, *arrival);
      if (!reactor_.timers().empty()) next = std::min(next, reactor_.timers().next_due());
      if (next >= end) {
        clock_.advance_to(end);
        reactor_.turn(Duration::zero());
        return done();
      }
      clock_.advance_to(next);
    }
    return true;
  }

  SocketAddress listen_address(int family) override {
    if (family == AF_INET) return *SocketAddress::from_ip("127.0.0.1", 0);
    if (family == AF_INET6) return *SocketAddress::from_ip("::1", 0);
    return *SocketAddress::from_unix_path("/simulated." + std::to_string(++paths_count_));
  }
  SocketAddress refusing_address() override { return *SocketAddress::from_ip("127.0.0.1", 9); }
  SocketAddress silent_address() override {
    const SocketAddress address = *SocketAddress::from_ip("127.0.0.1", 10);
    network_.set_silent(address, true);
    return address;
  }
  void shutdown_write(int fd) override { network_.shutdown_write(fd); }
  void reset(int fd) override { network_.reset(fd); }
  size_t descriptors_count() const override { return network_.descriptors_count(); }
  void exhaust_descriptors(bool exhausted) override {
    network_.set_descriptors_max(exhausted ? network_.descriptors_count() : SIZE_MAX);
  }

 private:
  sim::SimClock clock_;
  sim::SimNetwork network_{clock_, /*seed=*/1};
  sim::SimIo& io_ = network_.add_io();
  rt::Reactor reactor_{clock_, io_, /*rng_seed=*/1};
  int paths_count_ = 0;
};

}  // namespace

std::unique_ptr<IoHarness> make_simulated_harness() { return std::make_unique<SimulatedHarness>(); }

}  // namespace barid::contract
