// tests/reader_testing.h
//
// The same bytes through every kind of source, so that a test of the Reader runs for each of them.
//
//   class FillTest : public EverySourceTest {};
//   TEST_P(FillTest, …) { Reader reader = make("bytes"); auto view = await(reader.fill_buf()); … }
//   INSTANTIATE_EVERY_SOURCE(FillTest);
//
// Nothing here asserts what a Reader does: it makes Readers and runs calls.

#ifndef TESTS_READER_TESTING_H_
#define TESTS_READER_TESTING_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/coroutine_testing.h"
#include "uring/as_task.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace bufio::testing {

inline absl::StatusCode code(const absl::Status& status) { return status.code(); }
template <class T>
absl::StatusCode code(const absl::StatusOr<T>& result) {
  return result.status().code();
}
inline std::string text(const absl::StatusOr<std::string_view>& view) {
  return view.ok() ? std::string(*view) : "not OK";
}

enum class Kind : uint8_t {
  kFile,         // by path
  kAdoptedFile,  // a descriptor that stands behind 100 other bytes
  kPipe,
  kNonblockingPipe,
  kDribblingPipe,  // its writer writes one byte at a time
  kFifo,           // by path
  kSocket,
  kView,
  kString,
  kCord,            // in odd chunks
  kSource,          // a Source that completes at once
  kRinglessSource,  // the same without a Ring
  kWaitingSource,   // a Source that waits for the Ring in each read
};

// What stands between the source and the test (docs/adaptors.md).
enum class Through : uint8_t {
  kNothing,
  kTake,      // of just the bytes; others are behind them
  kBorrowed,  // the same, over a Reader that the test keeps
  kTakes,     // three of them, one on the other, of different lengths
  kUntil,     // up to a delimiter, which more bytes follow
  kTee,       // into a string
  kChain,     // between two strings, with a quarter of the bytes each
};

struct SourceCase {
  const char* name;
  Kind kind;
  ReaderOptions options = {};
  size_t piece = 0;  // custom sources: bytes per read at most, 0 for as many as fit
  bool random_pieces = false;
  uring::PoolOptions pool = {.buffers = 0};  // a pool of the Reader's own, if it has buffers
  Through through = Through::kNothing;
};

std::ostream& operator<<(std::ostream& out, const SourceCase& source);
std::vector<SourceCase> every_source();

// A Source over a string, which fails the test if it is called after its end or its error.
class StrictSource final : public Source {
 public:
  struct Plan {
    std::string text;
    absl::Status end;                 // what comes behind the text: OK is the end
    size_t piece = 0;                 // bytes per read at most; 0: as many as fit
    std::optional<uint32_t> seed;     // random pieces of up to `piece` bytes
    uring::Ring* waits_on = nullptr;  // each read waits for a turn of it first
    int* calls = nullptr;
  };
  explicit StrictSource(Plan plan) : plan_(std::move(plan)), random_(plan_.seed.value_or(0)) {}

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override;
  std::string_view name() const override { return "strict source"; }

 private:
  Plan plan_;
  std::mt19937 random_;
  size_t given_ = 0;
  bool over_ = false;
};

// A call that is started and looked at from outside of any coroutine.
template <class A>
class Started {
 public:
  using Task = uring::AsTask<A>;

  explicit Started(A&& awaitable) : task_(uring::as_task(std::forward<A>(awaitable))) {
    root_.start(task_);
  }
  bool ended() const { return task_.ended(); }
  typename Task::value_type result() { return task_.result(); }
  void destroy() { task_.reset(); }

 private:
  uring::testing::Root root_;
  Task task_;
};
template <class A>
Started(A&&) -> Started<A>;

// A Ring, a directory for files, and whatever must outlive the Readers.
class RingTest : public ::testing::Test {
 protected:
  RingTest();
  ~RingTest() override;

  uring::Ring& ring() { return *ring_; }
  // Destroys it. Tests that have Readers left must not await any more.
  void destroy_ring() { ring_.reset(); }

  template <class A>
  auto await(A&& awaitable) {
    return uring::block_on(*ring_, std::forward<A>(awaitable));
  }
  // Runs the loop for some turns, without waiting for anything.
  void turn(int times = 3);
  // Runs the loop until the call has ended.
  template <class A>
  void finish(Started<A>& call) {
    while (!call.ended()) ring_->core().turn();
  }

  std::string new_file(std::string_view bytes);
  std::string path_for(std::string_view name) const;
  // Writes `bytes` to `fd` on a thread of its own, `piece` at a time, and closes it. A reader that
  // goes away is no error.
  void write_on_thread(int fd, std::string bytes, size_t piece = 0);
  void join_writers();
  // A pool that lives for as long as the test runs.
  const uring::BufferPool* new_pool(uring::PoolOptions options) {
    return &pools_.emplace_back(*ring_, options);
  }
  // Keeps a string for as long as the test runs.
  std::string_view keep(std::string text);
  std::string& new_sink() { return kept_.emplace_back(); }
  // Keeps a Reader for as long as the Ring.
  Reader& keep(Reader reader) { return kept_readers_.emplace_back(std::move(reader)); }

 private:
  std::string directory_;
  int files_ = 0;
  std::deque<uring::BufferPool> pools_;
  std::deque<std::string> kept_;
  std::deque<Reader> kept_readers_;
  std::vector<std::thread> writers_;  // joined after the Ring is gone
  std::optional<uring::Ring> ring_;
};

struct Ends {
  int read = -1;
  int write = -1;
};
Ends new_pipe(int flags = 0);
Ends new_socket_pair();
void write_all(int fd, std::string_view bytes);
// The descriptor's number is in use.
bool is_open(int fd);

// All that is left, by way of fill_buf; fails the test on an error.
uring::Task<std::string> drain(Reader& reader);
// For random tests: BUFIO_SEED, or another one each time; printed.
uint32_t announced_seed();
// `size` bytes that repeat nowhere soon.
std::string pattern(size_t size);

class EverySourceTest : public RingTest, public ::testing::WithParamInterface<SourceCase> {
 protected:
  // What a test wants different from the case; 0: as the case has it.
  struct Sizes {
    size_t max_buffer_size = 0;
    size_t read_size = 0;
  };
  Reader make(std::string_view bytes) { return make(bytes, Sizes()); }
  Reader make(std::string_view bytes, Sizes sizes);
  // What pos() is at the first byte.
  uint64_t start() const {
    const SourceCase& source = GetParam();
    return source.kind == Kind::kAdoptedFile && source.through != Through::kChain ? 100 : 0;
  }
  bool seekable() const;
  bool in_memory() const;

 private:
  Reader make_source(std::string_view bytes, Sizes sizes);
};

#define INSTANTIATE_EVERY_SOURCE(suite)                                           \
  INSTANTIATE_TEST_SUITE_P(EverySource, suite,                                    \
                           ::testing::ValuesIn(::bufio::testing::every_source()), \
                           [](const auto& param) { return std::string(param.param.name); })

}  // namespace bufio::testing

#endif  // TESTS_READER_TESTING_H_
