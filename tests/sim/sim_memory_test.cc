#include "uring/testing/sim_memory.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "uring/sanitizer.h"

namespace uring::testing {
namespace {

char* at(void* block, size_t offset) { return static_cast<char*>(block) + offset; }

TEST(SimMemory, KnowsWhatIsAllocated) {
  SimMemory memory;
  void* block = memory.allocate(100, 64);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
  EXPECT_TRUE(memory.live(block, 100));
  EXPECT_TRUE(memory.live(at(block, 40), 60));
  EXPECT_FALSE(memory.live(at(block, 40), 61));
  EXPECT_FALSE(memory.dead(block, 100));
  EXPECT_EQ(memory.live_blocks(), 1u);
  EXPECT_EQ(memory.live_bytes(), 100u);
  memory.deallocate(block, 100, 64);
  EXPECT_FALSE(memory.live(block, 1));
  EXPECT_TRUE(memory.dead(block, 1));
  EXPECT_TRUE(memory.dead(at(block, 99), 1));
  EXPECT_FALSE(memory.dead(at(block, 100), 1));
  EXPECT_EQ(memory.live_blocks(), 0u);
  EXPECT_EQ(memory.live_bytes(), 0u);
  EXPECT_EQ(memory.allocations(), 1u);
}

TEST(SimMemory, ARangeThatTouchesAFreedBlockIsDead) {
  SimMemory memory;
  void* block = memory.allocate(64, 64);
  memory.deallocate(block, 64, 64);
  EXPECT_TRUE(memory.dead(at(block, 0) - 10, 11));
  EXPECT_FALSE(memory.dead(at(block, 0) - 10, 10));
}

TEST(SimMemory, KnowsNothingOfMemoryFromElsewhere) {
  SimMemory memory;
  char elsewhere[16];
  EXPECT_FALSE(memory.live(elsewhere, 16));
  EXPECT_FALSE(memory.dead(elsewhere, 16));
}

TEST(SimMemory, WhatWasFreedIsNotHandedOutAgainForAWhile) {
  SimMemory memory;
  void* first = memory.allocate(4096, 64);
  memory.deallocate(first, 4096, 64);
  std::vector<void*> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(memory.allocate(4096, 64));
    EXPECT_NE(others.back(), first);
  }
  for (void* other : others) memory.deallocate(other, 4096, 64);
  EXPECT_TRUE(memory.dead(first, 4096));
}

TEST(SimMemory, KeepsOnlySoMuch) {
  SimMemory memory;
  void* first = memory.allocate(64, 64);
  memory.deallocate(first, 64, 64);
  void* large = memory.allocate(SimMemory::kKeptBytes, 64);
  memory.deallocate(large, SimMemory::kKeptBytes, 64);
  EXPECT_FALSE(memory.dead(first, 64));
  EXPECT_TRUE(memory.dead(large, 1));
}

TEST(SimMemoryDeathTest, FreeingTwiceIsCaught) {
  SimMemory memory;
  void* block = memory.allocate(64, 64);
  memory.deallocate(block, 64, 64);
  EXPECT_DEATH(memory.deallocate(block, 64, 64), "not allocated");
}

TEST(SimMemoryDeathTest, TouchingWhatWasFreedIsReportedByAddressSanitizer) {
  if (!kAddressSanitizer) GTEST_SKIP() << "built without AddressSanitizer";
  SimMemory memory;
  void* block = memory.allocate(64, 64);
  memory.deallocate(block, 64, 64);
  EXPECT_DEATH(std::memset(block, 0, 64), "use-after-poison");
}

}  // namespace
}  // namespace uring::testing
