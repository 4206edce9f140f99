#include "uring/linux_kernel.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "uring/sanitizer.h"

namespace uring {
namespace {

char memory_of_rings;  // stands for it, see sanitizer.h

// The kernel gives the locked memory of rings that are gone back some time after, from a worker
// thread of its own: so ENOMEM may be over in a moment. A large ring is worth little waiting, for
// callers try smaller ones; none at all, half a second.
int make_ring(unsigned entries, io_uring_params& params, io_uring& ring) {
  constexpr unsigned kSmall = 32;
  const std::chrono::milliseconds longest(params.cq_entries <= kSmall ? 256 : 2);
  const io_uring_params wanted = params;
  for (std::chrono::milliseconds wait(1);; wait *= 2) {
    params = wanted;
    std::memset(&ring, 0, sizeof ring);
    const int error = io_uring_queue_init_params(entries, &ring, &params);
    if (error != -ENOMEM || wait > longest) return error;
    std::this_thread::sleep_for(wait);
  }
}

}  // namespace

int LinuxKernel::set_up(unsigned entries, io_uring_params& params, io_uring& ring) {
  io_uring fresh;
  int error = make_ring(entries, params, fresh);
  if (error < 0) return error;
  after(&memory_of_rings);
  // Entry i of the queue is always submission entry i. liburing has mapped it so since 2.3 and,
  // where the kernel has no such array any more, leaves the pointer null.
  if (fresh.sq.array != nullptr) {
    for (unsigned i = 0; i < fresh.sq.ring_entries; ++i) fresh.sq.array[i] = i;
  }
  ring = fresh;
  // Saves the descriptor look-up in each system call (Linux 5.18); without it everything works the
  // same. Not by liburing's own function for it, because io_uring_queue_exit undoes that on
  // whatever thread it runs, and there the number may be another ring's.
  io_uring_rsrc_update update;
  std::memset(&update, 0, sizeof update);
  update.offset = ~0U;
  update.data = static_cast<__u64>(ring.ring_fd);
  auto descriptor = static_cast<unsigned>(ring.ring_fd);
  if (io_uring_register(descriptor, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
    ring.enter_ring_fd = static_cast<int>(update.offset);
  }
  return 0;
}

int LinuxKernel::enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
                       const __kernel_timespec* timeout) {
  if (ring.enter_ring_fd != ring.ring_fd) flags |= IORING_ENTER_REGISTERED_RING;
  auto descriptor = static_cast<unsigned>(ring.enter_ring_fd);
  if (timeout == nullptr)
    return io_uring_enter(descriptor, to_submit, min_complete, flags, nullptr);
  io_uring_getevents_arg argument;
  std::memset(&argument, 0, sizeof argument);
  argument.sigmask_sz = _NSIG / 8;
  argument.ts = reinterpret_cast<__u64>(timeout);
  // The extended argument is there since Linux 5.11; we ask for 5.15.
  return io_uring_enter2(descriptor, to_submit, min_complete, flags | IORING_ENTER_EXT_ARG,
                         reinterpret_cast<sigset_t*>(&argument), sizeof argument);
}

int LinuxKernel::register_with(io_uring& ring, unsigned opcode, const void* argument,
                               unsigned count) {
  return io_uring_register(static_cast<unsigned>(ring.ring_fd), opcode, argument, count);
}

void LinuxKernel::tear_down(io_uring& ring) {
  if (ring.enter_ring_fd != ring.ring_fd) {
    io_uring_rsrc_update update;
    std::memset(&update, 0, sizeof update);
    update.offset = static_cast<unsigned>(ring.enter_ring_fd);
    io_uring_register(static_cast<unsigned>(ring.ring_fd), IORING_UNREGISTER_RING_FDS, &update, 1);
  }
  happened(&memory_of_rings);
  io_uring_queue_exit(&ring);
}

TimePoint LinuxKernel::now() const { return std::chrono::steady_clock::now(); }

Kernel& linux_kernel() {
  static LinuxKernel* const kernel = new LinuxKernel;
  return *kernel;
}

}  // namespace uring
