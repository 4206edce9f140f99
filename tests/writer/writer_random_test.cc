// Random programs on a Writer, over a kernel that cuts writes short, interrupts them, has them come
// again and fails them: what the peer gets is what was accepted, in order, up to what is written().
//
// BUFIO_SEED repeats one.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bufio/writer.h"
#include "gtest/gtest.h"
#include "tests/reader_testing.h"
#include "tests/writer/moody_kernel.h"
#include "tests/writer/writer_testing.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::MoodyKernel;
using testing::SinkKind;
using testing::SinkRig;
using testing::Unobserved;
using uring::Task;

bool nops_answer_what_they_are_told() {
  MoodyKernel kernel;
  absl::StatusOr<uring::Ring> ring =
      uring::Ring::create({.entries = 8, .completion_entries = 64, .kernel = &kernel});
  if (!ring.ok()) return false;
  std::mt19937 random(1);
  kernel.plague(&random);
  kernel.fail_one_in(1);
  SinkRig rig(*ring, SinkKind::kPipe);
  absl::Status status = uring::block_on(*ring, rig.writer().write("x"));
  if (status.ok()) status = uring::block_on(*ring, rig.writer().flush());
  return uring::errno_of(status) == EIO;
}

// One Writer, random calls, randomly cancelled.
class Program {
 public:
  Program(uring::Ring& ring, MoodyKernel& kernel, uint32_t seed)
      : random_(seed), ring_(ring), kernel_(kernel) {}

  // What went wrong, or nothing.
  std::string run() {
    SinkKind kind = testing::kAllSinks[pick(std::size(testing::kAllSinks))];
    WriterOptions options;
    options.high_water = 1 + pick(20000);
    if (pick(2) == 0) options.low_water = pick(20000);
    options.buffer_size = 1 + pick(20000);
    options.copy_below = pick(3) == 0 ? 0 : pick(3000);
    options.auto_flush = pick(4) != 0;
    options.on_drop = [this](const DroppedBytes& bytes) { dropped_ = bytes.count; };
    SinkRig rig(ring_, kind, options);
    rig_ = &rig;
    kernel_.plague(&random_);
    kernel_.fail_one_in(pick(3) == 0 ? 1 + pick(100) : 0);
    size_t calls = pick(60);
    for (size_t i = 0; i < calls && failure_.empty(); ++i) one_call();
    if (failure_.empty()) end(pick(3) != 0);
    kernel_.plague(nullptr);
    if (failure_.empty()) return "";
    return failure_ + " (" + testing::sink_name(kind) + ", high water " +
           std::to_string(options.high_water) + ")";
  }

 private:
  unsigned pick(size_t n) { return static_cast<unsigned>(random_() % n); }
  void fail(std::string what) { failure_ = std::move(what); }
  Writer& writer() { return rig_->writer(); }
  uint64_t accepted() { return writer().pos() - rig_->start(); }

  // The text goes on for ever: byte i is always the same one.
  static char at(uint64_t i) { return static_cast<char>('a' + i * 2654435761U / 65536 % 26); }
  std::string next(size_t n) {
    std::string bytes(n, '\0');
    for (size_t i = 0; i < n; ++i) bytes[i] = at(accepted() + i);
    return bytes;
  }

  Task<absl::Status> call() {
    switch (pick(8)) {
      case 0: {
        absl::StatusOr<std::span<char>> room = co_await writer().reserve(1 + pick(3000));
        if (!room.ok()) {
          co_return absl::IsResourceExhausted(room.status()) ? absl::OkStatus() : room.status();
        }
        std::string bytes = next(pick(room->size() + 1));
        std::copy(bytes.begin(), bytes.end(), room->begin());
        writer().commit(bytes.size());
        co_return absl::OkStatus();
      }
      case 1:
      case 2: {
        std::string bytes = next(pick(6000));
        co_return co_await writer().write_owned(std::move(bytes));
      }
      case 3: {
        const std::string bytes = next(pick(6000));
        size_t first = pick(bytes.size() + 1);
        std::string_view all = bytes;
        co_return co_await writer().write_all(all.substr(0, first), all.substr(first));
      }
      case 4:
        co_return co_await writer().flush();
      default: {
        const std::string bytes = next(pick(4) == 0 ? pick(40000) : pick(100));
        co_return co_await writer().write(bytes);
      }
    }
  }

  void turn() { uring::block_on(ring_, uring::yield(ring_)); }

  void one_call() {
    unsigned patience = pick(3) == 0 ? 1 + pick(10) : 1000000;
    absl::Status status;
    if (!finish(call(), patience, status)) return;
    check(status);
    if (pick(5) == 0) rig_->move_writer();
  }

  // False if it was cancelled.
  bool finish(Task<absl::Status> task, unsigned patience, absl::Status& status) {
    auto started = std::chrono::steady_clock::now();
    Unobserved nobody;
    bool ended = task.start(nobody);
    for (unsigned i = 0; !ended; ++i) {
      if (i == patience) {
        if (pick(2) == 0) return false;
        writer().interrupt();
      }
      if (std::chrono::steady_clock::now() - started > std::chrono::seconds(10)) {
        fail("a call hangs");
        return false;
      }
      if (pick(2) == 0) rig_->read_some(1 + pick(3000));
      pick(3) == 0 ? ring_.core().submit() : turn();
      ended = task.ended();
    }
    status = task.result();
    return true;
  }

  void check(const absl::Status& status) {
    if (status.ok() || absl::IsCancelled(status)) return;
    if (uring::errno_of(status) != EIO) fail("an error: " + status.ToString());
    if (writer().status() != status) fail("the error does not stick: " + status.ToString());
  }

  void end(bool orderly) {
    uint64_t all = accepted();
    absl::Status status;
    if (orderly) {
      finish([](Writer& out) -> Task<absl::Status> { co_return co_await out.flush(); }(writer()),
             1000000, status);
      check(status);
      if (status.ok() && writer().unwritten() > 0) fail("flush has left something");
    }
    bool said = !writer().status().ok();
    uint64_t written = writer().written() - rig_->start();
    rig_->drop_writer();
    if (!said && dropped_ != all - written) fail("dropped bytes were not reported");
    while (ring_.stats().in_flight > 0 || ring_.core().anything_ready()) {
      rig_->read_some();
      ring_.core().turn();
    }
    rig_->read_to_end();
    if (rig_->seen.size() != written && orderly) fail("written() is not what was written");
    if (rig_->seen.size() < written) fail("written() is more than what was written");
    if (rig_->seen.size() > all) return fail("more was written than was accepted");
    for (size_t i = 0; i < rig_->seen.size(); ++i) {
      if (rig_->seen[i] != at(i)) return fail("byte " + std::to_string(i) + " is another one");
    }
    if (ring_.buffer_stats().live_bytes > 0) fail("a buffer was left behind");
    if (testing::is_open(rig_->fd())) fail("the descriptor is still open");
  }

  std::mt19937 random_;
  uring::Ring& ring_;
  MoodyKernel& kernel_;
  SinkRig* rig_ = nullptr;
  uint64_t dropped_ = 0;
  std::string failure_;
};

TEST(WriterRandomTest, ThePeerGetsWhatWasAcceptedAndNothingElse) {
  if (!nops_answer_what_they_are_told()) {
    GTEST_SKIP() << "NOPs with a result need Linux 6.11";
  }
  MoodyKernel kernel;
  absl::StatusOr<uring::Ring> ring =
      uring::Ring::create({.entries = 16, .completion_entries = 256, .kernel = &kernel});
  ASSERT_TRUE(ring.ok()) << ring.status();
  uint32_t first = 1;
  uint32_t count = 400;
  if (const char* seed = std::getenv("BUFIO_SEED"); seed != nullptr) {
    first = static_cast<uint32_t>(std::strtoul(seed, nullptr, 10));
    count = 1;
  }
  for (uint32_t seed = first; seed < first + count; ++seed) {
    ASSERT_EQ(Program(*ring, kernel, seed).run(), "") << "BUFIO_SEED=" << seed;
  }
}

}  // namespace
}  // namespace bufio
