#include "smtp/client/agent.h"

#include <algorithm>

#include "smtp/client/delivery_run.h"

namespace barid::smtp {
namespace {
constexpr size_t kIdleSessionsMax = 1000;  // of one agent on one shard
}

/// A warm session that waits for its destination's next lease, or for its time to be over.
class SmtpAgent::IdleSession final : private rt::Timer {
 public:
  IdleSession(SmtpAgent& agent, std::string key, std::unique_ptr<ClientSession> session,
              std::shared_ptr<const ClientSettings> settings)
      : settings_(std::move(settings)),
        agent_(agent),
        key_(std::move(key)),
        session_(std::move(session)) {
    agent.env_.reactor.timers().arm(*this, agent.env_.reactor.now() + settings_->idle_limit);
  }
  [[nodiscard]] std::unique_ptr<ClientSession> take() noexcept { return std::move(session_); }
  [[nodiscard]] const std::shared_ptr<const ClientSettings>& settings() const noexcept {
    return settings_;
  }

 private:
  void on_timer() override { agent_.drop_idle(key_, this); }
  std::shared_ptr<const ClientSettings> settings_;  // outlives the session, which refers to it
  SmtpAgent& agent_;
  const std::string key_;
  std::unique_ptr<ClientSession> session_;

  friend struct std::default_delete<IdleSession>;
  ~IdleSession() = default;
};

SmtpAgent::SmtpAgent(const AgentEnv& env, ClientSettings settings)
    : env_(env),
      settings_(std::make_shared<const ClientSettings>(std::move(settings))),
      scope_(env.reactor) {}

SmtpAgent::~SmtpAgent() = default;

void SmtpAgent::set_settings(ClientSettings settings) {
  settings_ = std::make_shared<const ClientSettings>(std::move(settings));
}

rt::Task<void> SmtpAgent::deliver(schedule::Lease& lease) {
  DeliveryRun run(*this, lease);
  co_await run.run();
}

std::unique_ptr<ClientSession> SmtpAgent::take_idle(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return nullptr;
  while (!found->second.empty()) {
    std::unique_ptr<IdleSession> idle = std::move(found->second.back());  // the warmest
    found->second.pop_back();
    --idle_count_;
    std::unique_ptr<ClientSession> session = idle->take();
    // After a reload the old settings no longer apply, and a server that spoke or closed is gone.
    if (idle->settings() == settings_ && session->still_quiet()) {
      if (found->second.empty()) idle_.erase(found);
      return session;
    }
    retire(std::move(session), idle->settings());
  }
  idle_.erase(found);
  return nullptr;
}

void SmtpAgent::keep_idle(const std::string& key, std::unique_ptr<ClientSession> session,
                          std::shared_ptr<const ClientSettings> settings) {
  if (stopping_ || idle_count_ >= kIdleSessionsMax || settings->idle_limit <= Duration::zero()) {
    retire(std::move(session), std::move(settings));
    return;
  }
  idle_[key].push_back(std::unique_ptr<IdleSession>(
      new IdleSession(*this, key, std::move(session), std::move(settings))));
  ++idle_count_;
}

void SmtpAgent::drop_idle(const std::string& key, IdleSession* idle) {
  const auto found = idle_.find(key);
  BARID_ASSERT(found != idle_.end());
  auto& sessions = found->second;
  const auto place = std::find_if(sessions.begin(), sessions.end(),
                                  [&](const auto& candidate) { return candidate.get() == idle; });
  BARID_ASSERT(place != sessions.end());
  std::unique_ptr<IdleSession> owned = std::move(*place);
  sessions.erase(place);
  if (sessions.empty()) idle_.erase(found);
  --idle_count_;
  retire(owned->take(), owned->settings());
}

void SmtpAgent::retire(std::unique_ptr<ClientSession> session,
                       std::shared_ptr<const ClientSettings> settings) {
  if (session->machine().closed()) return;
  scope_.spawn(say_goodbye(std::move(session), std::move(settings)));
}

rt::Task<void> SmtpAgent::say_goodbye(std::unique_ptr<ClientSession> session,
                                      std::shared_ptr<const ClientSettings> settings) {
  co_await session->close();
  session.reset();  // before its settings
  settings.reset();
}

rt::Task<Code> SmtpAgent::shut_down(MonoTime deadline) {
  stopping_ = true;
  auto idle = std::move(idle_);
  idle_.clear();
  idle_count_ = 0;
  for (auto& [key, sessions] : idle) {
    for (std::unique_ptr<IdleSession>& entry : sessions) retire(entry->take(), entry->settings());
  }
  co_return co_await scope_.join(deadline);
}

}  // namespace barid::smtp
