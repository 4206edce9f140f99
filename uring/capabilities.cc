#include "uring/capabilities.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "uring/linux_kernel.h"
#include "uring/status.h"

namespace uring {
namespace {

constexpr unsigned kSmallestRing = 8;
constexpr unsigned kPollingIdleMilliseconds = 20;

unsigned setup_flags(SetupRung rung) {
  constexpr unsigned kCommon = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
  switch (rung) {
    case SetupRung::kDeferred:
      return kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
             IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    case SetupRung::kCooperative:
      return kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
             IORING_SETUP_TASKRUN_FLAG;
    case SetupRung::kPolling:
      return kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SQPOLL;
    case SetupRung::kPlain:
      break;
  }
  return kCommon;
}

// The rungs to try, best first; empty when the environment names one that does not exist.
std::vector<SetupRung> rungs_to_try(const RingOptions& options) {
  constexpr std::array kLadder = {SetupRung::kDeferred, SetupRung::kCooperative, SetupRung::kPlain};
  if (options.setup.has_value()) return {*options.setup};
  const char* forced = std::getenv("URING_SETUP");
  if (forced == nullptr || *forced == '\0') return {kLadder.begin(), kLadder.end()};
  for (SetupRung rung : kLadder) {
    if (setup_rung_name(rung) == forced) return {rung};
  }
  if (setup_rung_name(SetupRung::kPolling) == forced) return {SetupRung::kPolling};
  return {};
}

std::string_view advice(int error) {
  switch (error) {
    case ENOSYS:
      return "this kernel has no io_uring (it needs Linux 5.15), or a seccomp profile hides it; in "
             "a container, allow "
             "io_uring_setup, io_uring_enter and io_uring_register";
    case EPERM:
    case EACCES:
      return "io_uring is forbidden here; look at sysctl kernel.io_uring_disabled and "
             "kernel.io_uring_group, at the "
             "container's seccomp profile and at the security module";
    case ENOMEM:
      return "not even the smallest ring fits; raise RLIMIT_MEMLOCK (ulimit -l) or the memory "
             "limit";
    case EMFILE:
    case ENFILE:
      return "too many open files; raise RLIMIT_NOFILE (ulimit -n) or close some";
    case EINVAL:
      return "this kernel does not know the way of setting up that was asked for; let the library "
             "choose (no "
             "RingOptions::setup, no URING_SETUP)";
    default:
      return "";
  }
}

absl::Status setup_error(int error) {
  absl::Status status = errno_status(error, "io_uring_setup", "ring");
  std::string_view hint = advice(error);
  if (hint.empty()) return status;
  // Out of memory and out of descriptors are one kind of trouble to a caller: a limit was reached.
  absl::StatusCode code = error == ENOMEM   ? absl::StatusCode::kResourceExhausted
                          : error == ENOSYS ? absl::StatusCode::kUnimplemented
                                            : status.code();
  absl::Status advised(code, absl::StrCat(status.message(), " (", as_absl(hint), ")"));
  status.ForEachPayload([&advised](absl::string_view url, const absl::Cord& payload) {
    advised.SetPayload(url, payload);
  });
  return advised;
}

std::bitset<256> probe_opcodes(Kernel& kernel, io_uring& ring) {
  constexpr size_t kOpcodes = 256;
  std::vector<char> memory(sizeof(io_uring_probe) + kOpcodes * sizeof(io_uring_probe_op), 0);
  auto* probe = reinterpret_cast<io_uring_probe*>(memory.data());
  std::bitset<256> known;
  if (kernel.register_with(ring, IORING_REGISTER_PROBE, probe, kOpcodes) < 0) {
    // Forbidden by a filter, perhaps. These are all in the oldest kernel that we serve.
    for (unsigned opcode = 0; opcode <= IORING_OP_UNLINKAT; ++opcode) known.set(opcode);
    return known;
  }
  for (unsigned i = 0; i < probe->ops_len; ++i) {
    if ((probe->ops[i].flags & IO_URING_OP_SUPPORTED) != 0) known.set(probe->ops[i].op);
  }
  return known;
}

bool register_sparse_buffer_table(Kernel& kernel, io_uring& ring) {
  io_uring_rsrc_register table;
  std::memset(&table, 0, sizeof table);
  table.nr = Capabilities::kFixedBufferSlots;
  table.flags = IORING_RSRC_REGISTER_SPARSE;
  return kernel.register_with(ring, IORING_REGISTER_BUFFERS2, &table, sizeof table) >= 0;
}

// A processor for a polling thread: not the one that we run on, for there each would wait for the
// other. None: -1.
int another_processor() {
  int here = sched_getcpu();
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (here < 0 || online < 2) return -1;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (cpu != here && CPU_ISSET(cpu, &allowed)) return cpu;
    }
  }
  return static_cast<int>((here + 1) % online);  // we are pinned, the kernel's thread need not be
}

// Left to itself the kernel's thread may share our processor.
int set_up_polling(Kernel& kernel, unsigned entries, io_uring_params& params, io_uring& ring) {
  params.sq_thread_idle = kPollingIdleMilliseconds;
  int processor = another_processor();
  if (processor >= 0) {
    io_uring_params pinned = params;
    pinned.flags |= IORING_SETUP_SQ_AFF;
    pinned.sq_thread_cpu = static_cast<unsigned>(processor);
    int result = kernel.set_up(entries, pinned, ring);
    if (result != -EINVAL) {
      params = pinned;
      return result;
    }
  }
  return kernel.set_up(entries, params, ring);
}

bool fixed_buffers_wanted(const RingOptions& options) {
  const char* setting = std::getenv("URING_FIXED_BUFFERS");
  return options.fixed_buffers && (setting == nullptr || std::strcmp(setting, "0") != 0);
}

}  // namespace

std::string_view setup_rung_name(SetupRung rung) {
  switch (rung) {
    case SetupRung::kDeferred:
      return "deferred";
    case SetupRung::kCooperative:
      return "cooperative";
    case SetupRung::kPolling:
      return "polling";
    case SetupRung::kPlain:
      break;
  }
  return "plain";
}

std::string Capabilities::describe() const {
  return absl::StrCat(as_absl(setup_rung_name(setup)), ", ", submission_entries, "/",
                      completion_entries, " entries, ",
                      fixed_buffers ? "fixed buffers" : "no fixed buffers");
}

absl::StatusOr<Capabilities> set_up_ring(Kernel& kernel, const RingOptions& options,
                                         io_uring& ring) {
  std::vector<SetupRung> rungs = rungs_to_try(options);
  if (rungs.empty()) {
    return absl::InvalidArgumentError(
        "URING_SETUP must be deferred, cooperative, plain or polling");
  }
  int error = EINVAL;
  for (SetupRung rung : rungs) {
    unsigned entries = std::max(options.entries, 1U);
    unsigned completions = std::max(options.completion_entries, 2 * entries);
    for (;;) {
      io_uring_params params;
      std::memset(&params, 0, sizeof params);
      params.flags = setup_flags(rung);
      params.cq_entries = completions;
      error = -(rung == SetupRung::kPolling ? set_up_polling(kernel, entries, params, ring)
                                            : kernel.set_up(entries, params, ring));
      if (error == 0) {
        Capabilities found;
        found.setup = rung;
        found.submission_entries = params.sq_entries;
        found.completion_entries = params.cq_entries;
        found.features = params.features;
        found.opcodes = probe_opcodes(kernel, ring);
        found.fixed_buffers = fixed_buffers_wanted(options) &&
                              found.opcodes.test(IORING_OP_READ_FIXED) &&
                              register_sparse_buffer_table(kernel, ring);
        return found;
      }
      if (error != ENOMEM) break;
      if (completions > 2 * entries) {
        completions = std::max(completions / 2, 2 * entries);
      } else if (entries > kSmallestRing) {
        entries = std::max(entries / 2, kSmallestRing);
        completions = 2 * entries;
      } else {
        break;
      }
    }
    if (error != EINVAL) break;
  }
  return setup_error(error);
}

absl::StatusOr<Capabilities> probe_capabilities(const RingOptions& options) {
  RingOptions small = options;
  small.entries = kSmallestRing;
  small.completion_entries = 2 * kSmallestRing;
  Kernel& kernel = options.kernel != nullptr ? *options.kernel : linux_kernel();
  io_uring ring;
  absl::StatusOr<Capabilities> found = set_up_ring(kernel, small, ring);
  if (found.ok()) kernel.tear_down(ring);
  return found;
}

}  // namespace uring
