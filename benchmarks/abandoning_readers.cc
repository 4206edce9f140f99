#include "benchmarks/abandoning_readers.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/abandonment.h"
#include "benchmarks/die.h"
#include "benchmarks/readers.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/ring_stats.h"
#include "uring/task.h"
#include "uring/time.h"
#include "uring/timeout.h"

namespace bench {
namespace {

using std::chrono::hours;

// Waiters do not end but when they are destroyed.
class Unobserved final : public uring::TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

class Readers : public Contestant {
 public:
  explicit Readers(Scene& scene)
      : scene_(scene), ring_(make_ring()), waiters_(scene.streams.size()) {
    for (size_t i = 0; i < scene.streams.size(); ++i)
      readers_.push_back(bufio::borrow_fd(ring_, scene.streams.fd(i)));
  }

  void collect() override {
    while (scene_.streams.unread() > 0) ring_.core().turn();
  }

  CancelCosts costs() const override {
    const uring::RingStats stats = ring_.stats();
    return {stats.enters, stats.cancels, stats.max_orphans};
  }

 protected:
  using Waiter = uring::Task<void>;

  // Takes one view after another.
  Waiter read(size_t stream) {
    bufio::Reader& reader = readers_[stream];
    for (;;) {
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      take(stream, view);
    }
  }

  void take(size_t stream, const absl::StatusOr<std::string_view>& view) {
    if (!view.ok() || view->empty()) die(view.status().ToString(), 0);
    scene_.streams.take(stream, *view);
    readers_[stream].consume(view->size());
  }

  // From now on `waiter` waits, in the place of the stream's former waiter, which is destroyed.
  void start(size_t stream, Waiter waiter) {
    waiters_[stream] = std::move(waiter);
    waiters_[stream].start(unobserved_);
  }
  void stop(size_t stream) { waiters_[stream].reset(); }

  Scene& scene() { return scene_; }
  uring::Ring& ring() { return ring_; }
  bufio::Reader& reader(size_t stream) { return readers_[stream]; }

 private:
  Scene& scene_;
  uring::Ring ring_;
  std::vector<bufio::Reader> readers_;
  Unobserved unobserved_;
  std::vector<Waiter> waiters_;
};

class DestroyedWaiters final : public Readers {
 public:
  explicit DestroyedWaiters(Scene& scene) : Readers(scene) {
    for (size_t i = 0; i < scene.streams.size(); ++i) start(i, read(i));
  }

  void wait() override {
    ring().core().submit();
    for (size_t i = 0; i < scene().streams.size(); ++i) {
      if (scene().gives_up[i] != 0) start(i, read(i));
    }
  }
};

class TimedOutWaiters final : public Readers {
 public:
  explicit TimedOutWaiters(Scene& scene) : Readers(scene) {
    for (size_t i = 0; i < scene.streams.size(); ++i) start(i, read_in_time(i));
  }

  // A turn sends the reads and then serves the timers; but it would sleep if none were due. Some
  // have been served already, while messages were collected.
  void wait() override {
    uring::RingCore& core = ring().core();
    if (core.timers().next_deadline().value_or(uring::TimePoint::max()) <= core.now()) {
      core.turn();
    } else {
      core.submit();
    }
  }

 private:
  Waiter read_in_time(size_t stream) {
    bool gives_up = scene().gives_up[stream] != 0;
    for (;;) {
      const hours limit(gives_up ? 0 : 1);
      absl::StatusOr<std::string_view> view =
          co_await uring::with_timeout(ring(), limit, reader(stream).fill_buf());
      if (gives_up && absl::IsDeadlineExceeded(view.status())) {
        gives_up = false;
        continue;
      }
      take(stream, view);
      gives_up = scene().gives_up[stream] != 0;
    }
  }
};

class DroppedReaders final : public Readers {
 public:
  explicit DroppedReaders(Scene& scene) : Readers(scene) {
    for (size_t i = 0; i < scene.streams.size(); ++i) start(i, read(i));
  }

  void wait() override {
    ring().core().submit();
    for (size_t i = 0; i < scene().streams.size(); ++i) {
      if (scene().gives_up[i] != 0) reopen(i);
    }
    // The cancels arrive before any message does; else a dropped Reader might take it along.
    ring().core().submit();
  }

 private:
  void reopen(size_t stream) {
    const int duplicate = ::fcntl(scene().streams.fd(stream), F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) die("dup", errno);
    stop(stream);
    reader(stream) = bufio::adopt_fd(ring(), duplicate);
    start(stream, read(stream));
  }
};

}  // namespace

std::unique_ptr<Contestant> destroyed_waiters(Scene& scene) {
  return std::make_unique<DestroyedWaiters>(scene);
}

std::unique_ptr<Contestant> timed_out_waiters(Scene& scene) {
  return std::make_unique<TimedOutWaiters>(scene);
}

std::unique_ptr<Contestant> dropped_readers(Scene& scene) {
  return std::make_unique<DroppedReaders>(scene);
}

}  // namespace bench
