// uring/piece.h
//
// A range of bytes together with a share in whatever keeps them alive.
//
// The kernel reads what it was told to write until it says that it is done, so the bytes of a write
// must live, unmoved, for as long. A piece of a Buffer holds the Buffer; anything else that owns
// bytes (a string, a Cord, a container of yours) is moved to the heap once, as a Held, and never
// from there.

#ifndef URING_PIECE_H_
#define URING_PIECE_H_

#include <cstddef>
#include <utility>

#include "uring/buffer.h"
#include "uring/frame_allocator.h"
#include "uring/ref.h"

namespace uring {

// Something that owns bytes; counted.
class Held : public RefCounted<Held>, public RecycledObject {
 public:
  virtual ~Held() = default;

 protected:
  Held() = default;
};

template <class T>
class HeldValue final : public Held {
 public:
  explicit HeldValue(T value) : value_(std::move(value)) {}
  const T& value() const { return value_; }

 private:
  T value_;
};

// Either share may be null; both are, over memory that lives for ever.
struct Piece {
  const char* data = nullptr;
  size_t size = 0;
  Ref<Buffer> buffer;
  Ref<Held> held;
};

}  // namespace uring

#endif  // URING_PIECE_H_
