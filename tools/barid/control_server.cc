#include "tools/barid/control_server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "http/console/console.h"
#include "http/service.h"
#include "tools/barid/admin_api.h"
#include "tools/barid/health_api.h"
#include "tools/barid/http_site.h"

namespace barid::tools {
namespace {

constexpr uint32_t kConnectionsMax = 64;
constexpr uint64_t kBodyBytesMin = 1u << 20;
constexpr uint64_t kBodiesAtOnce = 4;  // of the largest size

class ControlServer final : public ShardGuest {
 public:
  ControlServer(Shard::Inside& inside, std::vector<Shard*> shards)
      : reactor_(shard_reactor(inside)),
        api_(inside, std::move(shards)),
        health_(inside),
        service_(shard_http_env(inside, stop_),
                 {.body_bytes_max = body_bytes_max(inside),
                  .connections_max = kConnectionsMax,
                  .bodies_bytes_max = body_bytes_max(inside) * kBodiesAtOnce},
                 router_, shard_log_pids(inside)) {
    api_.add_routes(router_);
    shard_http(inside).add_admin_routes(router_);
    health_.add_probe_routes(router_);
    health_.add_metrics_routes(router_);
    console_.add_routes(router_);
    shard_http(inside).add_control_routes(router_);
  }

  Status listen(const net::SocketAddress& address) { return service_.listen(address); }

  rt::Task<bool> close(MonoTime deadline) override {
    service_.close_listeners();
    stop_.request();
    const bool ended = co_await service_.join(deadline) == Code::kOk;
    while (!service_.listeners_closed())
      co_await rt::Sleep(reactor_, reactor_.now() + std::chrono::milliseconds(1));
    co_return ended;
  }

 private:
  static uint64_t body_bytes_max(Shard::Inside& inside) {
    return std::max(kBodyBytesMin, shard_http(inside).control_body_bytes_max());
  }

  rt::Reactor& reactor_;
  rt::StopSource stop_;
  AdminApi api_;
  HealthApi health_;
  http::Console console_;
  http::Router router_;
  http::Service service_;
};

}  // namespace

std::string start_control_server(Shard::Inside& inside, const std::string& queue_directory,
                                 std::vector<Shard*> shards) {
  const std::string path = queue_directory + "/public/control";
  const auto address = net::SocketAddress::from_unix_path(path);
  if (!address) return fmt::format("control socket: {} is longer than a socket path may be", path);
  unlink(path.c_str());  // of an earlier process: the queue's lock is ours
  auto server = std::make_unique<ControlServer>(inside, std::move(shards));
  const Status status = server->listen(*address);
  if (!status.ok()) {
    return fmt::format("control socket {}: {}", path, std::strerror(status.error().error_number));
  }
  chmod(path.c_str(), 0660);
  shard_adopt_guest(inside, std::move(server));
  return {};
}

}  // namespace barid::tools
