#include "bufio/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "bufio/descriptor_source.h"
#include "bufio/pooled_source.h"
#include "bufio/receiving_source.h"
#include "uring/buffer_pool.h"
#include "uring/check.h"
#include "uring/descriptor_kind.h"
#include "uring/pool_core.h"
#include "uring/read_operation.h"

namespace bufio {

using uring::Descriptor;

namespace {

// A stream is asked whether it has data before it is read; one that cannot be read would never say.
bool readable(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

}  // namespace

Reader adopt_fd(uring::Ring& ring, int fd, ReaderOptions options) {
  return read_descriptor(ring, uring::make_ref<Descriptor>(fd), options);
}

Reader borrow_fd(uring::Ring& ring, int fd, ReaderOptions options) {
  return read_descriptor(ring, uring::make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed),
                         options);
}

Reader standard_input(uring::Ring& ring, ReaderOptions options) {
  return read_descriptor(
      ring,
      uring::make_ref<Descriptor>(STDIN_FILENO, Descriptor::Ownership::kBorrowed, "standard input"),
      options);
}

Reader read_descriptor(uring::Ring& ring, uring::Ref<Descriptor> descriptor,
                       ReaderOptions options) {
  return read_descriptor(uring::Ref<uring::RingCore>(&ring.core()), std::move(descriptor), options);
}

Reader read_descriptor(uring::Ref<uring::RingCore> ring, uring::Ref<Descriptor> descriptor,
                       ReaderOptions options) {
  uring::DescriptorKind kind = uring::describe_descriptor(descriptor->fd());
  if (options.pool != nullptr || options.shared_pool.value_or(false)) {
    bool socket = kind.read == uring::ReadKind::kSocket;
    uring::Ref<uring::PoolCore> pool;
    if (options.pool != nullptr) {
      pool = options.pool->core();
      URING_CHECK(&pool->ring() == ring.get(), "a Reader and its pool are on different Rings");
    } else if (socket && ring->status().ok()) {
      pool = uring::PoolCore::shared(*ring);
    }
    if (pool && socket) {
      return Reader(
          uring::make_ref<ReceivingSource>(std::move(pool), std::move(descriptor), options));
    }
    if (pool && !kind.direct && readable(descriptor->fd())) {
      return Reader(
          uring::make_ref<PooledSource>(std::move(pool), std::move(descriptor), kind, options));
    }
  }
  return Reader(
      uring::make_ref<DescriptorSource>(std::move(ring), std::move(descriptor), kind, options));
}

}  // namespace bufio
