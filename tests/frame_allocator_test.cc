#include "uring/frame_allocator.h"

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace uring {
namespace {

FrameAllocatorStats since(const FrameAllocatorStats& before) {
  FrameAllocatorStats now = frame_allocator_stats();
  now.fresh -= before.fresh;
  now.recycled -= before.recycled;
  return now;
}

TEST(FrameAllocator, BlocksOfEverySizeAreAlignedAndWritable) {
  for (size_t size = 0; size < 5000; size += size < 200 ? 1 : 61) {
    void* block = allocate_frame(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0u) << size;
    std::memset(block, 0xa5, size);
    deallocate_frame(block, size);
  }
}

TEST(FrameAllocator, SteadyStateAllocatesNothing) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  deallocate_frame(allocate_frame(300), 300);
  const FrameAllocatorStats before = frame_allocator_stats();
  for (int i = 0; i < 1000; ++i) deallocate_frame(allocate_frame(300), 300);
  EXPECT_EQ(since(before).fresh, 0u);
  EXPECT_EQ(since(before).recycled, 1000u);
}

TEST(FrameAllocator, SizesOfOneClassShareBlocks) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  void* block = allocate_frame(57);
  deallocate_frame(block, 57);
  void* again = allocate_frame(120);
  EXPECT_EQ(again, block);
  deallocate_frame(again, 120);
}

TEST(FrameAllocator, WhatAThreadKeepsIsBounded) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  constexpr size_t kSize = 4088;
  constexpr size_t kMany = 1000;
  std::vector<void*> blocks;
  for (size_t i = 0; i < kMany; ++i) blocks.push_back(allocate_frame(kSize));
  for (void* block : blocks) deallocate_frame(block, kSize);
  const FrameAllocatorStats before = frame_allocator_stats();
  for (void*& block : blocks) block = allocate_frame(kSize);
  EXPECT_EQ(since(before).recycled, 256u * 1024 / kSize);
  for (void* block : blocks) deallocate_frame(block, kSize);
}

TEST(FrameAllocator, LargeBlocksAreNotKept) {
  deallocate_frame(allocate_frame(4089), 4089);
  const FrameAllocatorStats before = frame_allocator_stats();
  deallocate_frame(allocate_frame(4089), 4089);
  EXPECT_EQ(since(before).fresh, 1u);
  EXPECT_EQ(since(before).recycled, 0u);
}

TEST(FrameAllocator, BlocksMayBeFreedOnAnotherThread) {
  void* block = allocate_frame(256);
  std::thread([block] { deallocate_frame(block, 256); }).join();
}

// The lists are drained by a thread_local object, which is destroyed before those that were made
// earlier.
struct UsesAllocatorInItsDestructor {
  ~UsesAllocatorInItsDestructor() {
    deallocate_frame(held, 64);
    for (int i = 0; i < 10; ++i) deallocate_frame(allocate_frame(64), 64);
  }
  void* held = nullptr;
};

TEST(FrameAllocator, WorksWhileThreadLocalsAreDestroyed) {
  std::thread([] {
    static thread_local UsesAllocatorInItsDestructor early;
    early.held = allocate_frame(64);
    deallocate_frame(allocate_frame(64), 64);
  }).join();  // LeakSanitizer and AddressSanitizer are the judges
}

class Base : public RecycledObject {
 public:
  virtual ~Base() = default;
};

class Derived final : public Base {
 public:
  char payload[1000] = {};
};

TEST(RecycledObject, DeletedThroughItsBaseGoesBackToItsOwnClass) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  Base* first = new Derived;
  delete first;
  Base* second = new Derived;
  EXPECT_EQ(first, second);
  delete second;
}

}  // namespace
}  // namespace uring
