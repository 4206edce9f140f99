#include "uring/buffer_cache.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/ring.h"
#include "uring/sanitizer.h"

namespace uring {
namespace {

using testing::FaultKernel;
using testing::Pipe;
using testing::Reading;
using testing::TemporaryFile;
using testing::turn_until;

constexpr size_t kPage = Buffer::kAlignment;

// The heap, counted.
class CountingMemory final : public std::pmr::memory_resource {
 public:
  int allocations() const { return allocations_; }
  size_t live_bytes() const { return live_bytes_; }
  bool aligned() const { return aligned_; }

 private:
  void* do_allocate(size_t size, size_t alignment) override {
    ++allocations_;
    live_bytes_ += size;
    aligned_ &= alignment % kPage == 0 && size % kPage == 0;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* memory, size_t size, size_t alignment) override {
    live_bytes_ -= size;
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  int allocations_ = 0;
  size_t live_bytes_ = 0;
  bool aligned_ = true;
};

class BufferCacheTest : public ::testing::Test {
 protected:
  void make_ring(RingOptions options = testing::modest_options()) {
    options.kernel = &kernel_;
    options.buffer_memory = &memory_;
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  void TearDown() override {
    ring_.reset();
    EXPECT_EQ(memory_.live_bytes(), 0u);
    EXPECT_TRUE(memory_.aligned());
  }
  Ring& ring() { return *ring_; }
  BufferCache& cache() { return ring_->core().buffers(); }
  FaultKernel& kernel() { return kernel_; }
  const CountingMemory& memory() const { return memory_; }
  void destroy_ring() { ring_.reset(); }
  const BufferCacheStats& stats() { return ring_->buffer_stats(); }

 private:
  CountingMemory memory_;
  FaultKernel kernel_;
  std::optional<Ring> ring_;
};

TEST_F(BufferCacheTest, BuffersAreWholePagesAndAlignedToThem) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  for (const BufferKind kind : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    for (const size_t size : {size_t{1}, kPage - 1, kPage, kPage + 1, 10 * kPage}) {
      const Ref<Buffer> buffer = cache().allocate(size, kind);
      EXPECT_EQ(buffer->size(), (size + kPage - 1) / kPage * kPage);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % kPage, 0u);
      std::memset(buffer->data(), 'x', buffer->size());  // it is there
    }
  }
}

TEST_F(BufferCacheTest, FreedBufferIsTheNextOne) {
  if (kAddressSanitizer) GTEST_SKIP() << "nothing is kept under AddressSanitizer";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const char* first = cache().allocate(kPage, BufferKind::kHeap)->data();
  EXPECT_EQ(stats().cached_bytes, kPage);
  const Ref<Buffer> second = cache().allocate(kPage, BufferKind::kHeap);
  EXPECT_EQ(second->data(), first);
  EXPECT_EQ(stats().allocated, 1u);
  EXPECT_EQ(stats().reused, 1u);
  EXPECT_EQ(stats().cached_bytes, 0u);
  EXPECT_EQ(stats().live_bytes, kPage);
  const Ref<Buffer> larger = cache().allocate(2 * kPage, BufferKind::kHeap);
  EXPECT_EQ(stats().allocated, 2u);
}

TEST_F(BufferCacheTest, KeepsNoMoreThanItIsTold) {
  RingOptions options;
  options.buffer_cache_bytes = 4 * kPage;
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  std::vector<Ref<Buffer>> buffers;
  for (int i = 0; i < 10; ++i) buffers.push_back(cache().allocate(kPage, BufferKind::kHeap));
  EXPECT_EQ(stats().live_bytes, 10 * kPage);
  buffers.clear();
  const size_t kept = kAddressSanitizer ? 0 : 4 * kPage;
  EXPECT_EQ(stats().live_bytes, 0u);
  EXPECT_EQ(stats().cached_bytes, kept);
  EXPECT_EQ(memory().live_bytes(), kept);
  EXPECT_EQ(stats().freed, kAddressSanitizer ? 10u : 6u);
}

TEST_F(BufferCacheTest, NothingIsKeptUnderAddressSanitizer) {
  if (!kAddressSanitizer) GTEST_SKIP() << "this build has no AddressSanitizer";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  cache().allocate(kPage, BufferKind::kHeap);
  EXPECT_EQ(stats().cached_bytes, 0u);
  EXPECT_EQ(stats().freed, 1u);
}

TEST_F(BufferCacheTest, MemoryComesFromTheResourceThatTheOptionsName) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Ref<Buffer> heap = cache().allocate(kPage, BufferKind::kHeap);
  const Ref<Buffer> fixed = cache().allocate(kPage, BufferKind::kFixed);
  const Ref<Buffer> huge = cache().allocate(kPage, BufferKind::kHeap, Pages::kHuge);
  EXPECT_EQ(memory().allocations(), 3);
  EXPECT_EQ(memory().live_bytes(), 3 * kPage);
}

TEST(BufferCacheOfTheHeap, GivesHugePagesThatAreFreedInAnyOrder) {
  Ring ring = Ring::create().value();
  BufferCache& cache = ring.core().buffers();
  std::vector<Ref<Buffer>> buffers;
  for (int i = 0; i < 40; ++i) {
    buffers.push_back(cache.allocate(size_t{1} << 20, BufferKind::kFixed, Pages::kHuge));
    std::memset(buffers.back()->data(), i, buffers.back()->size());
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(buffers[i]->data()[buffers[i]->size() - 1], static_cast<char>(i));
  }
  for (size_t i = 0; i < buffers.size(); i += 2) buffers[i].reset();
  for (size_t i = 1; i < buffers.size(); i += 2) buffers[i].reset();
  EXPECT_EQ(ring.buffer_stats().live_bytes, 0u);
}

TEST_F(BufferCacheTest, OutliveTheRing) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  std::vector<Ref<Buffer>> buffers;
  for (const BufferKind kind : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    buffers.push_back(cache().allocate(kPage, kind));
  }
  const Ref<BufferCache> kept(&cache());
  const uint64_t registers = kernel().counts().registers;
  destroy_ring();
  for (const Ref<Buffer>& buffer : buffers) std::memset(buffer->data(), 'x', buffer->size());
  EXPECT_EQ(memory().live_bytes(), 2 * kPage);
  buffers.clear();
  EXPECT_EQ(memory().live_bytes(), 0u);
  EXPECT_EQ(kernel().counts().registers, registers);  // there is nothing to unregister from
  EXPECT_EQ(kept->stats().cached_bytes, 0u);
  // And still gives memory.
  EXPECT_EQ(kept->allocate(kPage, BufferKind::kFixed)->kind(), BufferKind::kHeap);
}

TEST_F(BufferCacheTest, DestroyedRingFreesWhatIsKept) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  cache().allocate(kPage, BufferKind::kFixed);
  destroy_ring();
  EXPECT_EQ(memory().live_bytes(), 0u);
}

// --- registered buffers --------------------------------------------------------------------------

// Whether this machine can register buffers; the tests below mean nothing otherwise.
bool can_register() { return probe_capabilities().value().fixed_buffers; }

TEST_F(BufferCacheTest, FixedBufferIsRegisteredOnceAndReusedWithItsRegistration) {
  if (kAddressSanitizer) GTEST_SKIP() << "nothing is kept under AddressSanitizer";
  if (!can_register()) GTEST_SKIP() << "buffers cannot be registered here";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const uint64_t before = kernel().counts().registers;
  int index = 0;
  {
    const Ref<Buffer> fixed = cache().allocate(kPage, BufferKind::kFixed);
    EXPECT_EQ(fixed->kind(), BufferKind::kFixed);
    index = fixed->fixed_index();
    EXPECT_GE(index, 0);
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(cache().allocate(kPage, BufferKind::kFixed)->fixed_index(), index);
  }
  EXPECT_EQ(kernel().counts().registers, before + 1);
}

TEST_F(BufferCacheTest, FixedBuffersBeyondTheSlotsAreHeapBuffers) {
  if (!can_register()) GTEST_SKIP() << "buffers cannot be registered here";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  constexpr unsigned kSlots = Capabilities::kFixedBufferSlots;
  std::vector<Ref<Buffer>> buffers;
  for (unsigned i = 0; i < kSlots + 10; ++i) {
    buffers.push_back(cache().allocate(kPage, BufferKind::kFixed));
    EXPECT_EQ(buffers.back()->fixed_index() != Buffer::kNotFixed, i < kSlots) << i;
  }
  const TemporaryFile file("contents");
  Reading reading(ring(), file.borrow(), ReadKind::kPositional, kPage, BufferKind::kFixed);
  reading.start();
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }));
  EXPECT_EQ(reading.text(), "contents");
}

TEST_F(BufferCacheTest, SlotOfAFreedBufferServesAnother) {
  if (!can_register()) GTEST_SKIP() << "buffers cannot be registered here";
  RingOptions options;
  options.buffer_cache_bytes = 0;
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  const TemporaryFile file("contents");
  for (unsigned i = 0; i < 2 * Capabilities::kFixedBufferSlots; ++i) {
    const size_t size = (1 + i % 5) * kPage;
    Reading reading(ring(), file.borrow(), ReadKind::kPositional, size, BufferKind::kFixed);
    ASSERT_NE(reading.buffer().fixed_index(), Buffer::kNotFixed) << i;
    reading.start();
    ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }));
    ASSERT_EQ(reading.text(), "contents");
  }
}

TEST_F(BufferCacheTest, RefusedRegistrationIsSilentAndNotTriedAgain) {
  for (const int error : {ENOMEM, EPERM, EFAULT, EOPNOTSUPP}) {
    SCOPED_TRACE(error);
    ASSERT_NO_FATAL_FAILURE(make_ring());
    kernel().register_fault = [error](unsigned) { return error; };
    const uint64_t before = kernel().counts().registers;
    const TemporaryFile file("contents");
    for (int i = 0; i < 5; ++i) {
      Reading reading(ring(), file.borrow(), ReadKind::kPositional, kPage, BufferKind::kFixed);
      EXPECT_EQ(reading.buffer().kind(), BufferKind::kHeap);
      EXPECT_EQ(reading.buffer().fixed_index(), Buffer::kNotFixed);
      reading.start();
      ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }));
      EXPECT_EQ(reading.text(), "contents");
    }
    EXPECT_LE(kernel().counts().registers - before, 1u);
    kernel().register_fault = nullptr;
    destroy_ring();
  }
}

TEST_F(BufferCacheTest, RefusalAfterSomeKeepsTheRegisteredOnesWorking) {
  if (!can_register()) GTEST_SKIP() << "buffers cannot be registered here";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const TemporaryFile file("contents");
  Reading fixed(ring(), file.borrow(), ReadKind::kPositional, kPage, BufferKind::kFixed);
  kernel().register_fault = [](unsigned) { return ENOMEM; };
  Reading heap(ring(), file.borrow(), ReadKind::kPositional, kPage, BufferKind::kFixed);
  EXPECT_EQ(fixed.buffer().kind(), BufferKind::kFixed);
  EXPECT_EQ(heap.buffer().kind(), BufferKind::kHeap);
  fixed.start();
  heap.start();
  ASSERT_TRUE(turn_until(ring(), [&] { return fixed.done() && heap.done(); }));
  EXPECT_EQ(fixed.text(), "contents");
  EXPECT_EQ(heap.text(), "contents");
}

// --- mirrored buffers ----------------------------------------------------------------------------

TEST_F(BufferCacheTest, SecondHalfOfAMirroredBufferIsTheFirst) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Ref<Buffer> buffer = cache().allocate(3 * kPage, BufferKind::kMirrored);
  if (!buffer->mirrored()) GTEST_SKIP() << "the system refuses mirrored mappings";
  const size_t size = buffer->size();
  for (size_t i = 0; i < size; ++i) buffer->data()[i] = static_cast<char>(i * 31);
  EXPECT_EQ(std::memcmp(buffer->data(), buffer->data() + size, size), 0);
  buffer->data()[size + 7] = 'x';
  EXPECT_EQ(buffer->data()[7], 'x');
}

TEST_F(BufferCacheTest, ReadMayWrapAroundTheEndOfAMirroredBuffer) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const TemporaryFile file("0123456789");
  Reading reading(ring(), file.borrow(), ReadKind::kPositional, kPage, BufferKind::kMirrored);
  if (!reading.buffer().mirrored()) GTEST_SKIP() << "the system refuses mirrored mappings";
  reading.operation().read({Ref<Buffer>(&reading.buffer()), kPage - 4, 10, 0}, false, false);
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.operation().idle(); }));
  EXPECT_EQ(std::string(reading.buffer().data() + kPage - 4, 10), "0123456789");
  EXPECT_EQ(std::string(reading.buffer().data(), 6), "456789");
}

TEST_F(BufferCacheTest, MirroredBufferThatCannotBeMappedIsAHeapBuffer) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const int lowest = dup(0);
  ASSERT_GE(lowest, 0);
  close(lowest);
  const rlimit none = {static_cast<rlim_t>(lowest), old.rlim_max};  // a mapping needs a memfd
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Ref<Buffer> buffer = cache().allocate(kPage, BufferKind::kMirrored);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(buffer->kind(), BufferKind::kHeap);
  EXPECT_FALSE(buffer->mirrored());
  EXPECT_EQ(memory().live_bytes(), kPage);
}

}  // namespace
}  // namespace uring
