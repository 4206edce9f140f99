#include "uring/buffer.h"

namespace uring {

// The home may be gone, and the buffer with it, when its share is.
void Buffer::go_home() {
  BufferHome* home = home_;
  home->returned(*this);
  home->release_ref();
}

}  // namespace uring
