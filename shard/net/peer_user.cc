#include "shard/net/peer_user.h"

#include <pwd.h>
#include <sys/socket.h>

#include <vector>

namespace barid::net {

std::optional<uint32_t> peer_user(int fd) noexcept {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  if (credentials.pid == 0) return std::nullopt;  // what the kernel says of other sockets
  return credentials.uid;
}

std::string user_name(uint32_t uid) {
  std::vector<char> scratch(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const int status = getpwuid_r(uid, &entry, scratch.data(), scratch.size(), &found);
  if (status != 0 || found == nullptr) return std::to_string(uid);
  return found->pw_name;
}

}  // namespace barid::net
