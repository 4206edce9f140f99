// tests/pool/receiving_fixture.h
//
// Readers of sockets on a pool whose kernel receives by multishot, where there is one.

#ifndef TESTS_POOL_RECEIVING_FIXTURE_H_
#define TESTS_POOL_RECEIVING_FIXTURE_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/pool/pool_fixture.h"
#include "tests/reader_testing.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/pool_core.h"
#include "uring/sleep.h"

namespace bufio::testing {

using uring::testing::SocketPair;
using uring::testing::turn_until;

class ReceivingTest : public uring::testing::PoolTest {
 protected:
  // A pool of these, and a kernel that receives again and again.
  void make(size_t buffers, size_t size) {
    if (!make_pool({.buffers = buffers, .buffer_size = size, .mode = uring::PoolMode::kProvided})) {
      GTEST_SKIP() << "this kernel takes no buffer ring";
    }
    {
      const SocketPair pair;
      Reader reader = read(pair);
      pair.write("probe");
      EXPECT_EQ(text(reader.fill_buf()), "probe");
    }
    settle();
    cancels_before_ = ring().stats().cancels;
    if (pool().core()->repeats() != uring::PoolCore::Repeats::kYes) {
      GTEST_SKIP() << "this kernel has no multishot receive";
    }
  }
  Reader read(const SocketPair& pair, ReaderOptions options = {}) {
    options.pool = &pool();
    return read_descriptor(ring(), pair.reader(), options);
  }
  template <class Call>
  std::string text(Call call) {
    return testing::text(uring::block_on(ring(), std::move(call)));
  }
  std::string line(Reader& reader) {
    absl::StatusOr<Token> line = uring::block_on(ring(), reader.read_line());
    if (!line.ok()) return line.status().ToString();
    return line->has_value() ? std::string(**line) : "the end";
  }
  void turn(int times) {
    for (int i = 0; i < times; ++i) uring::block_on(ring(), uring::yield(ring()));
  }
  // Until nothing is in flight any more, and the cancels were answered.
  void settle() {
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
    turn(2);
  }
  uint64_t cancels() { return ring().stats().cancels - cancels_before_; }
  // Changes the next completion that says this of itself.
  template <class Which, class Change>
  void alter_once(Which which, Change change) {
    kernel().alter_completion = [=, done = false](io_uring_cqe& entry) mutable {
      if (done || !which(entry)) return;
      done = true;
      change(entry);
    };
  }

 private:
  uint64_t cancels_before_ = 0;
};

#define MAKE_OR_SKIP(...) \
  make(__VA_ARGS__);      \
  if (IsSkipped()) return

}  // namespace bufio::testing

#endif  // TESTS_POOL_RECEIVING_FIXTURE_H_
