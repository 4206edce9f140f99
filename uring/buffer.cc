#include "uring/buffer.h"

#include <utility>

namespace uring {

Ref<Buffer> BufferHome::hand_out(char* data, size_t size, BufferKind kind, int fixed_index,
                                 Pages pages) {
  return Ref<Buffer>(new Buffer(Ref<BufferHome>(this), data, size, kind, fixed_index, pages));
}

Buffer::Buffer(Ref<BufferHome> home, char* data, size_t size, BufferKind kind, int fixed_index,
               Pages pages)
    : home_(std::move(home)),
      data_(data),
      size_(size),
      kind_(kind),
      pages_(pages),
      fixed_index_(fixed_index) {}

Buffer::~Buffer() { home_->give_back(*this); }

}  // namespace uring
