#include "smtp/server/client_table.h"

namespace barid::smtp {

ClientTable::Entry* ClientTable::find_or_add(const std::string& client) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) return &found->second;
  if (clients_.size() >= kClientsMax) return nullptr;
  return &clients_[client];
}

uint32_t ClientTable::enter(const std::string& client) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_or_add(client);
  return entry == nullptr ? 0 : ++entry->connections;
}

void ClientTable::leave(const std::string& client) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->second.connections == 0) return;
  const bool last = --found->second.connections == 0;
  if (last && found->second.window_end == MonoTime{}) clients_.erase(found);
}

uint32_t ClientTable::count(const std::string& client, ClientEvent event, MonoTime now,
                            Duration unit) {
  const std::lock_guard lock(mutex_);
  if (now >= next_sweep_) sweep(now, unit);
  Entry* const entry = find_or_add(client);
  if (entry == nullptr) return 0;
  if (now >= entry->window_end) {
    entry->events = {};
    entry->window_end = now + unit;
  }
  return ++entry->events[static_cast<size_t>(event)];
}

uint32_t ClientTable::rate(const std::string& client, ClientEvent event, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  if (found == clients_.end() || now >= found->second.window_end) return 0;
  return found->second.events[static_cast<size_t>(event)];
}

/// Once a window: those who did nothing since are forgotten.
void ClientTable::sweep(MonoTime now, Duration unit) {
  next_sweep_ = now + unit;
  absl::erase_if(clients_, [now](const auto& item) {
    return item.second.connections == 0 && now >= item.second.window_end;
  });
}

size_t ClientTable::size() {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

}  // namespace barid::smtp
