#include "uring/owned_buffer.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "uring/sized_array.h"
#include "uring/slice.h"

namespace uring {
namespace {

static_assert(OwnedBuffer<std::string>);
static_assert(OwnedBuffer<std::vector<char>>);
static_assert(OwnedBuffer<std::vector<unsigned char>>);
static_assert(OwnedBuffer<std::vector<std::byte>>);
static_assert(OwnedBuffer<SizedArray>);
static_assert(OwnedBuffer<testing::ResourceBuffer>, "a user's own type");
static_assert(OwnedBuffer<Slice<std::string>>);
static_assert(OwnedBuffer<Slice<Slice<SizedArray>>>);
static_assert(!OwnedBuffer<std::string_view>, "owns nothing");
static_assert(!OwnedBuffer<char*>);
static_assert(!OwnedBuffer<std::vector<int>>);
static_assert(!OwnedBuffer<const std::string>);

template <class B>
using Traits = OwnedBufferTraits<B>;

template <class B>
B made_of(std::string_view bytes, size_t capacity) {
  B buffer;
  if constexpr (std::is_same_v<B, SizedArray>) {
    buffer = SizedArray(capacity);
  } else {
    buffer.reserve(capacity);
  }
  Traits<B>::set_size(buffer, bytes.size());
  bytes.copy(Traits<B>::data(buffer), bytes.size());
  return buffer;
}

template <class B>
class OwnedBufferTest : public ::testing::Test {};
using Buffers = ::testing::Types<std::string, std::vector<char>, std::vector<unsigned char>,
                                 std::vector<std::byte>, SizedArray>;
TYPED_TEST_SUITE(OwnedBufferTest, Buffers);

TYPED_TEST(OwnedBufferTest, KeepsItsPlaceAndBytesWhateverItsSize) {
  using B = TypeParam;
  B buffer = made_of<B>("abc", 100);
  char* const data = Traits<B>::data(buffer);
  const size_t capacity = Traits<B>::capacity(buffer);
  EXPECT_GE(capacity, 100u);
  EXPECT_EQ(Traits<B>::size(buffer), 3u);
  Traits<B>::set_size(buffer, capacity);
  data[99] = 'z';
  Traits<B>::set_size(buffer, 100);
  EXPECT_EQ(Traits<B>::data(buffer), data);
  EXPECT_EQ(Traits<B>::size(buffer), 100u);
  EXPECT_EQ(Traits<B>::capacity(buffer), capacity);
  EXPECT_EQ(std::string_view(data, 3), "abc");
  EXPECT_EQ(data[99], 'z');
}

TYPED_TEST(OwnedBufferTest, ASliceIsAWindowOnIt) {
  using B = TypeParam;
  Slice<B> part = slice(made_of<B>("0123456789", 64), 4, 20);
  EXPECT_EQ(Traits<Slice<B>>::size(part), 6u);
  EXPECT_EQ(Traits<Slice<B>>::capacity(part), 16u);
  EXPECT_EQ(*Traits<Slice<B>>::data(part), '4');
  Traits<Slice<B>>::set_size(part, 16);
  EXPECT_EQ(Traits<B>::size(part.buffer()), 20u);
  Traits<Slice<B>>::set_size(part, 8);
  EXPECT_EQ(Traits<B>::size(part.buffer()), 12u);
  Traits<Slice<B>>::set_size(part, 0);  // never less than it was
  B whole = std::move(part).whole();
  EXPECT_EQ(Traits<B>::size(whole), 10u);
  EXPECT_EQ(std::string_view(Traits<B>::data(whole), 10), "0123456789");
}

TEST(SliceTest, InFrontOfTheEndLeavesTheSizeAlone) {
  Slice<std::string> part = slice(std::string("0123456789"), 2, 5);
  EXPECT_EQ(Traits<Slice<std::string>>::size(part), 3u);
  Traits<Slice<std::string>>::set_size(part, 3);
  EXPECT_EQ(std::move(part).whole(), "0123456789");
}

TEST(SliceTest, OfASliceCountsFromItsBegin) {
  Slice<Slice<std::string>> inner = slice(slice(std::string("0123456789"), 2, 9), 3, 5);
  EXPECT_EQ(*Traits<Slice<Slice<std::string>>>::data(inner), '5');
  EXPECT_EQ(Traits<Slice<Slice<std::string>>>::size(inner), 2u);
}

TEST(SliceTest, MovedFromIsEmpty) {
  Slice<std::string> part = slice(std::string(100, 'x'), 50, 80);
  const Slice<std::string> taken = std::move(part);
  EXPECT_EQ(Traits<Slice<std::string>>::size(part), 0u);  // NOLINT: moved from on purpose
  EXPECT_EQ(Traits<Slice<std::string>>::size(taken), 30u);
}

TEST(SliceDeathTest, OutsideOfItsBufferFails) {
  const std::string text(100, 'x');
  EXPECT_DEATH(slice(text, 5, 4), "a slice is not within its buffer's capacity");
  EXPECT_DEATH(slice(text, 0, text.capacity() + 1), "a slice is not within its buffer's capacity");
  EXPECT_DEATH(slice(SizedArray(100), 1, 50), "a slice begins behind its buffer's size");
}

TEST(SizedArrayTest, TakesOverAndGivesAwayItsMemory) {
  auto bytes = std::make_unique<char[]>(10);
  char* const data = bytes.get();
  SizedArray array(std::move(bytes), 10, 4);
  EXPECT_EQ(array.size(), 4u);
  EXPECT_EQ(array.capacity(), 10u);
  SizedArray moved = std::move(array);
  EXPECT_EQ(array.capacity(), 0u);  // NOLINT: moved from on purpose
  EXPECT_EQ(array.size(), 0u);
  EXPECT_EQ(moved.release().get(), data);
  EXPECT_EQ(moved.capacity(), 0u);
}

TEST(SizedArrayDeathTest, MoreThanItsMemoryFails) {
  EXPECT_DEATH(SizedArray(10).set_size(11), "a SizedArray has no memory for so many bytes");
}

}  // namespace
}  // namespace uring
