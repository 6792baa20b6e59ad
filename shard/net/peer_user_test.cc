// Goal: the user behind a unix socket is known, and nobody is where there is none.
// Method: socket pairs of this process.
#include "shard/net/peer_user.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace barid::net {
namespace {

TEST(PeerUser, OfASocketPairItIsUs) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_EQ(peer_user(ends[0]), std::optional<uint32_t>(getuid()));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(PeerUser, NobodyBehindOtherDescriptors) {
  const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(tcp, 0);
  EXPECT_EQ(peer_user(tcp), std::nullopt);
  ::close(tcp);
  EXPECT_EQ(peer_user(-1), std::nullopt);
}

TEST(PeerUser, NamesAreThoseOfTheSystem) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(user_name(4'000'000'001), "4000000001");
}

}  // namespace
}  // namespace barid::net
