// uring/capabilities.h
//
// What this kernel lets us do, found out by doing it.
//
// Version numbers say little: features are back-ported, and seccomp, sysctls and memory limits
// forbid what the version has. So a ring is set up down a ladder of ever more modest ways until one
// works, and what that ring answers is the truth.
// https://man7.org/linux/man-pages/man2/io_uring_setup.2.html is the source for flags and features.

#ifndef URING_CAPABILITIES_H_
#define URING_CAPABILITIES_H_

#include <bitset>
#include <string>

#include "absl/status/statusor.h"
#include "uring/kernel.h"
#include "uring/options.h"

namespace uring {

struct Capabilities {
  static constexpr unsigned kFixedBufferSlots = 256;

  SetupRung setup = SetupRung::kPlain;
  unsigned submission_entries = 0;
  unsigned completion_entries = 0;
  unsigned features = 0;       // IORING_FEAT_*
  std::bitset<256> opcodes;    // IORING_OP_* that the kernel knows
  bool fixed_buffers = false;  // registering buffers works (sparse table, Linux 5.19) and is wanted

  // One line for people: "deferred, 256/4096 entries, fixed buffers".
  std::string describe() const;
};

// Sets `ring` up in the best way that works, at most down to eight entries, and says what it can
// do.
//
//   OK                    `ring` is live; give it back with kernel.tear_down
//   Unimplemented         ENOSYS: no io_uring in this kernel, or seccomp hides it
//   PermissionDenied      EPERM: forbidden by seccomp, sysctl kernel.io_uring_disabled or a
//   security module ResourceExhausted     ENOMEM: even the smallest ring exceeds RLIMIT_MEMLOCK or
//   memory; EMFILE, ENFILE: descriptors InvalidArgument       EINVAL: the forced rung does not
//   exist here, or the environment variable's value is none other                 as the system
//   said
// Each message says what to do about it.
absl::StatusOr<Capabilities> set_up_ring(Kernel& kernel, const RingOptions& options,
                                         io_uring& ring);

// Sets up a ring of eight entries, looks, and tears it down. A few system calls.
absl::StatusOr<Capabilities> probe_capabilities(const RingOptions& options = {});

}  // namespace uring

#endif  // URING_CAPABILITIES_H_
