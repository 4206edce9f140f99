#include "uring/resolve.h"

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/listener.h"
#include "uring/task.h"
#include "uring/when_all.h"

namespace uring {
namespace {

using Addresses = absl::StatusOr<std::vector<SocketAddress>>;

class ResolveTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
};

class Unobserved final : public TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

TEST_F(ResolveTest, LocalhostIsLoopback) {
  Addresses addresses = block_on(ring(), resolve(ring(), "localhost", 80));
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  bool loopback = std::any_of(addresses->begin(), addresses->end(), [](const SocketAddress& a) {
    return a == SocketAddress::loopback(80) || a.to_string() == "[::1]:80";
  });
  EXPECT_TRUE(loopback);
}

TEST_F(ResolveTest, AnAddressNeedsNoLookup) {
  Unobserved nobody;
  Task<Addresses> call = resolve(ring(), "::1", 80);
  ASSERT_TRUE(call.start(nobody));
  Addresses addresses = call.result();
  ASSERT_TRUE(addresses.ok());
  EXPECT_EQ(addresses->at(0).to_string(), "[::1]:80");
}

TEST_F(ResolveTest, WhatIsNoNameIsAnError) {
  EXPECT_TRUE(absl::IsInvalidArgument(block_on(ring(), resolve(ring(), "", 80)).status()));
  Addresses none = block_on(ring(), resolve(ring(), "no such name.", 80));
  EXPECT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("no such name."), std::string::npos) << none.status();
}

TEST_F(ResolveTest, MoreLookupsThanThreadsAllEnd) {
  Unobserved nobody;
  std::vector<Task<Addresses>> calls;
  for (int i = 0; i < 5 * kMaxResolvers; ++i) {
    calls.push_back(resolve(ring(), "localhost", static_cast<uint16_t>(i)));
    static_cast<void>(calls.back().start(nobody));
  }
  for (auto& call : calls) {
    while (!call.ended()) ring().core().turn();
    Addresses addresses = call.result();
    ASSERT_TRUE(addresses.ok()) << addresses.status();
  }
}

TEST_F(ResolveTest, ACallThatIsDestroyedIsForgotten) {
  Unobserved nobody;
  for (int i = 0; i < 20; ++i) {
    Task<Addresses> call = resolve(ring(), "localhost", 1);
    static_cast<void>(call.start(nobody));
    if (i % 2 == 0) ring().core().submit();
  }
  EXPECT_TRUE(block_on(ring(), resolve(ring(), "localhost", 2)).ok());
}

TEST_F(ResolveTest, ARingMayGoWhileThreadsAreAtWork) {
  Unobserved nobody;
  std::vector<Task<Addresses>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(resolve(ring(), "localhost", 1));
    static_cast<void>(calls.back().start(nobody));
  }
  destroy_ring();
  calls.clear();
}

Task<absl::StatusOr<Socket>> accepted(Listener& listener) {
  absl::StatusOr<Socket> socket = co_await listener.accept();
  co_return socket;
}

TEST_F(ResolveTest, ConnectHostConnects) {
  absl::StatusOr<TcpListener> listener = TcpListener::listen(ring(), SocketAddress::any(0));
  ASSERT_TRUE(listener.ok()) << listener.status();
  auto both = block_on(
      ring(),
      when_all(accepted(*listener), connect_host(ring(), "localhost", listener->address().port())));
  EXPECT_TRUE(std::get<0>(both).ok()) << std::get<0>(both).status();
  EXPECT_TRUE(std::get<1>(both).ok()) << std::get<1>(both).status();
}

}  // namespace
}  // namespace uring
