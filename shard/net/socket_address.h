// Socket addresses: IPv4, IPv6 and unix-domain, as values.
// Layer: shard/net, pure; callable from any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace barid::net {

class SocketAddress {
 public:
  SocketAddress() noexcept { std::memset(&storage_, 0, sizeof storage_); }
  /// Copies a kernel address. `bytes` beyond the storage is a bug.
  SocketAddress(const sockaddr* address, socklen_t bytes) noexcept;

  /// "192.0.2.1" or "2001:db8::1" (no brackets, no zone); nullopt if neither.
  [[nodiscard]] static std::optional<SocketAddress> from_ip(std::string_view ip,
                                                            uint16_t port) noexcept;
  /// A unix-domain path; nullopt if it does not fit (107 bytes).
  [[nodiscard]] static std::optional<SocketAddress> from_unix_path(std::string_view path) noexcept;

  [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
  [[nodiscard]] bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  [[nodiscard]] bool is_unix() const noexcept { return family() == AF_UNIX; }
  [[nodiscard]] uint16_t port() const noexcept;
  void set_port(uint16_t port) noexcept;

  /// The bare address: "192.0.2.1", "2001:db8::1" or the unix path. IPv4-mapped IPv6 prints as
  /// IPv4.
  [[nodiscard]] std::string ip_text() const;
  /// "192.0.2.1:25", "[2001:db8::1]:25" or the unix path.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const sockaddr* raw() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  [[nodiscard]] sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const noexcept { return size_; }

  /// Same family, address and port.
  bool operator==(const SocketAddress& other) const noexcept {
    return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
  }

 private:
  sockaddr_storage storage_;
  socklen_t size_ = 0;
};

}  // namespace barid::net
