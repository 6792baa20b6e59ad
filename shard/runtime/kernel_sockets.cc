#include "shard/runtime/kernel_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>

namespace barid::rt {

namespace {

Error close_with_errno(int fd) noexcept {
  const int saved = errno;
  ::close(fd);
  return error_from_errno(saved);
}

void set_flag(int fd, int level, int name) noexcept {
  const int one = 1;
  // Advisory options: a socket type that lacks one still works.
  static_cast<void>(setsockopt(fd, level, name, &one, sizeof one));
}

}  // namespace

Result<int> kernel_open_listener(const net::SocketAddress& address, const ListenOptions& options,
                                 int type_flags) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (fd < 0) return error_from_errno(errno);
  if (address.is_ip()) {
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (options.reuse_port) set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);  // inherited by accepted sockets
    if (address.family() == AF_INET6 && options.v6_only) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (bind(fd, address.raw(), address.size()) != 0) return close_with_errno(fd);
  if (listen(fd, options.backlog) != 0) return close_with_errno(fd);
  return fd;
}

Result<int> kernel_open_socket(int family, const net::SocketAddress* source, int type_flags) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (fd < 0) return error_from_errno(errno);
  if (family != AF_UNIX) {
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
  }
  if (source != nullptr) {
    set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    if (bind(fd, source->raw(), source->size()) != 0) return close_with_errno(fd);
  }
  return fd;
}

net::SocketAddress kernel_local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return net::SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

net::SocketAddress kernel_peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return net::SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

void advance_vectors(SendOp& op, size_t bytes) noexcept {
  op.bytes_sent += bytes;
  while (op.vectors_count > 0) {  // also past empty vectors, or a send of nothing would repeat
    iovec& first = *op.vectors;
    if (bytes < first.iov_len) {
      first.iov_base = static_cast<char*>(first.iov_base) + bytes;
      first.iov_len -= bytes;
      return;
    }
    bytes -= first.iov_len;
    ++op.vectors;
    --op.vectors_count;
  }
}

}  // namespace barid::rt
