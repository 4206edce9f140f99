#include "uring/socket_address.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace uring {
namespace {

TEST(SocketAddress, PrintsWhatItParses) {
  for (std::string_view text :
       {"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[::]:443", "[2001:db8::7]:1", "[fe80::1%lo]:9",
        "unix:/run/x.sock", "unix:relative", "unix:@abstract"}) {
    absl::StatusOr<SocketAddress> address = SocketAddress::parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(SocketAddress, AStarIsEveryAddress) {
  absl::StatusOr<SocketAddress> address = SocketAddress::parse("*:8080");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(*address, SocketAddress::any(8080));
  EXPECT_EQ(address->port(), 8080);
}

TEST(SocketAddress, RefusesWhatIsNoAddress) {
  for (std::string_view text : {"",
                                ":",
                                "80",
                                "127.0.0.1",
                                "127.0.0.1:",
                                "127.0.0.1:65536",
                                "127.0.0.1:-1",
                                "127.0.0.1: 80",
                                "127.0.0.1:+80",
                                "1.2.3:80",
                                "localhost:80",
                                "::1:80",
                                "[::1]",
                                "[::1:80",
                                "::1]:80",
                                "[127.0.0.1]:80",
                                "[]:80",
                                "[::1%nosuchif0]:80",
                                "unix:",
                                "unix:@",
                                "127.0.0.1:80x"}) {
    absl::StatusOr<SocketAddress> address = SocketAddress::parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(address.status())) << text << ": " << address.status();
  }
}

TEST(SocketAddress, TakesUnixPathsOfUpTo107Bytes) {
  std::string path(107, 'p');
  absl::StatusOr<SocketAddress> longest = SocketAddress::unix_path(path);
  ASSERT_TRUE(longest.ok()) << longest.status();
  EXPECT_EQ(longest->to_string(), "unix:" + path);
  path += 'p';
  EXPECT_TRUE(absl::IsInvalidArgument(SocketAddress::unix_path(path).status()));
}

TEST(SocketAddress, OfAnUnnamedSocketIsEmpty) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  absl::StatusOr<SocketAddress> address = local_address_of(ends[0]);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->to_string(), "unix:");
  EXPECT_FALSE(peer_address_of(0x7fffffff).ok());
}

TEST(SocketAddress, WithoutAnAddressSaysSo) {
  EXPECT_EQ(SocketAddress().to_string(), "no address");
  EXPECT_EQ(SocketAddress().port(), 0);
}

}  // namespace
}  // namespace uring
