// bufio/owned_piece.h
//
// Bytes that are given away, as pieces that a write can hold.
//
// The kernel is told an address, so the bytes must not move again: their owner is moved to the heap
// once (recycled memory).

#ifndef BUFIO_OWNED_PIECE_H_
#define BUFIO_OWNED_PIECE_H_

#include <concepts>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>

#include "uring/piece.h"

namespace bufio {

// A movable object that owns contiguous bytes: std::string, std::vector<char>, a type of yours with
// data() and size(). Not a view, whose bytes somebody else may free.
template <class T>
concept OwnedBytes =
    std::movable<T> && !std::is_trivially_copyable_v<T> && requires(const T& bytes) {
  { std::data(bytes) } -> std::convertible_to<const char*>;
  { std::size(bytes) } -> std::convertible_to<size_t>;
};

template <OwnedBytes T>
uring::Piece owned_piece(T bytes) {
  auto held = uring::make_ref<uring::HeldValue<T>>(std::move(bytes));
  const char* data = std::data(held->value());
  size_t size = std::size(held->value());
  return {data, size, nullptr, uring::Ref<uring::Held>(std::move(held))};
}

}  // namespace bufio

#endif  // BUFIO_OWNED_PIECE_H_
