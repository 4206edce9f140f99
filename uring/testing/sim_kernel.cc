#include "uring/testing/sim_kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/check.h"
#include "uring/status.h"
#include "uring/testing/sim_log.h"
#include "uring/testing/sim_opcodes.h"

namespace uring::testing {
namespace {

constexpr unsigned kMaxEntries = 32768;
constexpr unsigned kFeatures =
    IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
    IORING_FEAT_RW_CUR_POS | IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |
    IORING_FEAT_POLL_32BITS | IORING_FEAT_SQPOLL_NONFIXED | IORING_FEAT_EXT_ARG |
    IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_RSRC_TAGS;
constexpr unsigned kSetupFlags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | IORING_SETUP_CQSIZE |
                                 IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                                 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
// A wait with a longer limit than this is never cut short: it is not for events but for the end.
constexpr std::chrono::nanoseconds kLongestSlowness = std::chrono::seconds(1);
// How long a real descriptor may keep everybody waiting.
constexpr int kSystemWaitMilliseconds = 5000;
// Between two looks at whether descriptors are still what they were.
constexpr uint64_t kEntersPerLook = 8;
constexpr size_t kProbedOpcodes = 256;

std::chrono::nanoseconds to_duration(const __kernel_timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

int probe(const SimKnobs& knobs, io_uring_probe& probe, unsigned count) {
  if (count > kProbedOpcodes) return -EINVAL;
  for (unsigned opcode = 0; opcode < count; ++opcode) {
    probe.ops[opcode].op = static_cast<__u8>(opcode);
    bool known = !sim_opcode_name(static_cast<uint8_t>(opcode)).empty();
    if (opcode == kReadMultishotOpcode && !knobs.multishot) known = false;
    if (is_zero_copy(static_cast<uint8_t>(opcode)) && !knobs.zero_copy) known = false;
    probe.ops[opcode].flags = known ? IO_URING_OP_SUPPORTED : 0;
  }
  probe.last_op = kReadMultishotOpcode;
  probe.ops_len = static_cast<__u8>(std::min(count, 255U));
  return 0;
}

}  // namespace

SimKernel::SimKernel(Choices& choices, SimKnobs knobs)
    : choices_(choices), knobs_(std::move(knobs)) {}

SimKernel::~SimKernel() = default;

void SimKernel::attach(int fd, std::shared_ptr<SimObject> object) {
  struct stat now;
  URING_CHECK(fstat(fd, &now) == 0, "an object was attached to a descriptor that is not open");
  int access = fcntl(fd, F_GETFL) & O_ACCMODE;
  attachments_[fd] = {{now.st_dev, now.st_ino}, access, std::move(object)};
}

std::shared_ptr<SimFile> SimKernel::attach_file(int fd, std::string bytes) {
  auto file = std::make_shared<SimFile>(std::move(bytes));
  if ((fcntl(fd, F_GETFL) & O_APPEND) != 0) file->set_append();
  attach(fd, file);
  return file;
}

std::shared_ptr<SimStream> SimKernel::attach_stream(int fd) {
  struct stat now;
  bool socket = fstat(fd, &now) == 0 && S_ISSOCK(now.st_mode);
  auto stream = std::make_shared<SimStream>(socket);
  attach(fd, stream);
  return stream;
}

void SimKernel::attach_duplicate(int fd) {
  struct stat now;
  URING_CHECK(fstat(fd, &now) == 0, "a descriptor that is not open is nobody's duplicate");
  const DescriptorIdentity identity = {now.st_dev, now.st_ino};
  const auto same = std::find_if(attachments_.begin(), attachments_.end(), [&](const auto& each) {
    return each.second.identity == identity;
  });
  if (same != attachments_.end()) attach(fd, same->second.object);
}

bool SimKernel::step() { return step_one(nullptr, true); }

void SimKernel::finish_torn_down() {
  auto ghost = [](const std::unique_ptr<SimRequest>& request) { return request->ring == nullptr; };
  for (;;) {
    auto found = std::find_if(live_.begin(), live_.end(), ghost);
    if (found == live_.end()) return;
    // Nobody is left to wait for more.
    (*found)->doomed = true;
    URING_CHECK(can_go_on(**found), "the end of a request was asked for while the kernel is held");
    advance_request(**found);
  }
}

void SimKernel::fail_enters(int error, uint64_t times) {
  fail_enters_with_ = error;
  fail_enters_left_ = times;
}

void SimKernel::fail_call(uint64_t n, int error) {
  fail_call_in_ = n;
  fail_call_with_ = error;
}

// A negative errno, or 0.
int SimKernel::failed_call() {
  ++counts_.calls;
  return fail_call_in_ > 0 && --fail_call_in_ == 0 ? -fail_call_with_ : 0;
}

int SimKernel::failed_enter() {
  if (int error = failed_call(); error != 0) return error;
  if (fail_enters_left_ > 0) {
    --fail_enters_left_;
    return -fail_enters_with_;
  }
  if (knobs_.enter_errors.empty() || !choices_.one_in(knobs_.enter_fails_one_in)) return 0;
  auto kinds = static_cast<uint32_t>(knobs_.enter_errors.size());
  return -knobs_.enter_errors[choices_.below(kinds)];
}

// --- the seam ------------------------------------------------------------------------------------

int SimKernel::set_up(unsigned entries, io_uring_params& params, io_uring& ring) {
  if (int error = failed_call(); error != 0) return error;
  unsigned flags = params.flags;
  if ((flags & ~kSetupFlags) != 0 || (flags & knobs_.setup_flags_refused) != 0) return -EINVAL;
  bool deferred = (flags & IORING_SETUP_DEFER_TASKRUN) != 0;
  if (deferred && (flags & IORING_SETUP_SINGLE_ISSUER) == 0) return -EINVAL;
  if ((flags & IORING_SETUP_SQPOLL) != 0 && (deferred || (flags & IORING_SETUP_COOP_TASKRUN) != 0))
    return -EINVAL;
  bool clamp = (flags & IORING_SETUP_CLAMP) != 0;
  unsigned completions = 2 * entries;
  if ((flags & IORING_SETUP_CQSIZE) != 0) completions = params.cq_entries;
  if (entries == 0 || completions == 0) return -EINVAL;
  if (!clamp && (entries > kMaxEntries || completions > 2 * kMaxEntries)) return -EINVAL;
  entries = std::bit_ceil(std::min(entries, kMaxEntries));
  completions = std::bit_ceil(std::min(completions, 2 * kMaxEntries));
  if (completions < entries) return -EINVAL;
  rings_.push_back(std::make_unique<SimRing>(++rings_made_, entries, completions, flags));
  params.sq_entries = entries;
  params.cq_entries = completions;
  params.features = kFeatures;
  rings_.back()->describe(ring, kFeatures);
  log("set up ring ", rings_made_, ", ", entries, "/", completions);
  return 0;
}

int SimKernel::register_with(io_uring& ring, unsigned opcode, const void* argument,
                             unsigned count) {
  if (int error = failed_call(); error != 0) return error;
  SimRing& mine = SimRing::of(ring);
  switch (opcode) {
    case IORING_REGISTER_PROBE:
      return probe(knobs_, *static_cast<io_uring_probe*>(const_cast<void*>(argument)), count);
    case IORING_REGISTER_RING_FDS:
      return count == 1 ? 1 : -EINVAL;
    case IORING_UNREGISTER_RING_FDS:
      return count == 1 ? 1 : -EINVAL;
    case IORING_REGISTER_BUFFERS: {
      if (!knobs_.fixed_buffers) return -ENOMEM;
      const auto* buffers = static_cast<const iovec*>(argument);
      return mine.register_buffers({buffers, buffers + count});
    }
    case IORING_UNREGISTER_BUFFERS:
      return mine.unregister_buffers();
    case IORING_REGISTER_BUFFERS2: {
      const auto& table = *static_cast<const io_uring_rsrc_register*>(argument);
      if (count != sizeof table) return -EINVAL;
      if (!knobs_.fixed_buffers) return -ENOMEM;
      if (table.flags == IORING_RSRC_REGISTER_SPARSE) {
        return mine.register_buffers(std::vector<iovec>(table.nr, iovec{}));
      }
      if (table.flags != 0) return -EINVAL;
      const auto* buffers = reinterpret_cast<const iovec*>(table.data);
      return mine.register_buffers({buffers, buffers + table.nr});
    }
    case IORING_REGISTER_BUFFERS_UPDATE: {
      const auto& update = *static_cast<const io_uring_rsrc_update2*>(argument);
      if (count != sizeof update) return -EINVAL;
      return mine.update_buffers(update.offset, reinterpret_cast<const iovec*>(update.data),
                                 update.nr);
    }
    case IORING_REGISTER_PBUF_RING:
      if (!knobs_.provided_buffers || count != 1) return -EINVAL;
      return mine.add_group(*static_cast<const io_uring_buf_reg*>(argument));
    case IORING_UNREGISTER_PBUF_RING:
      if (!knobs_.provided_buffers || count != 1) return -EINVAL;
      return mine.remove_group(static_cast<const io_uring_buf_reg*>(argument)->bgid);
    default:
      return -EINVAL;
  }
}

int SimKernel::enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
                     const __kernel_timespec* timeout) {
  SimRing& mine = SimRing::of(ring);
  if (++counts_.enters % kEntersPerLook == 0) check_all_descriptors();
  if (int error = failed_enter(); error != 0) {
    log("enter fails with ", -error);
    return error;
  }
  unsigned taken = 0;
  if ((mine.flags() & IORING_SETUP_SQPOLL) != 0) {
    // Its thread took them all the while, and says nothing of how many.
    submit(mine, mine.queued());
    taken = to_submit;
  } else if (to_submit > 0) {
    unsigned most = std::min(to_submit, mine.queued());
    if (most > 1 && choices_.one_in(knobs_.short_submit_one_in)) {
      most = choices_.between(1, most - 1);
    }
    taken = submit(mine, most);
    // The kernel waits only when it has taken all that it was given.
    if (taken != to_submit) return static_cast<int>(taken);
  }
  if ((flags & IORING_ENTER_GETEVENTS) == 0) return static_cast<int>(taken);
  mine.flush();
  run(mine);
  int waited = wait(mine, min_complete, timeout);
  if (taken > 0) return static_cast<int>(taken);
  if (mine.take_dropped()) return -EBADR;
  return waited;
}

unsigned SimKernel::submit(SimRing& ring, unsigned to_submit) {
  unsigned taken = 0;
  while (taken < to_submit) {
    ++taken;
    bool good = take(ring);
    if (!good && (ring.flags() & IORING_SETUP_SUBMIT_ALL) == 0) break;
  }
  return taken;
}

void SimKernel::run(SimRing& ring) {
  if (choices_.one_in(knobs_.unknown_one_in)) {
    uint64_t nobody = 0xfedcba9800000000 + 2 * uint64_t{choices_.below(32)};
    ++counts_.lies;
    log("invent a completion");
    post_to(ring, {nobody, static_cast<int32_t>(choices_.below(3)) - 1, 0});
  }
  if (knobs_.steps_per_enter == 0) {
    while (step_one(&ring, false)) {
    }
    return;
  }
  uint32_t steps = choices_.below(knobs_.steps_per_enter + 1);
  while (steps > 0 && step_one(&ring, false)) --steps;
}

int SimKernel::wait(SimRing& ring, unsigned min_complete, const __kernel_timespec* timeout) {
  if (ring.ready() >= min_complete) return 0;
  // However a wait ends, it has not failed if there is something in the queue.
  if (choices_.one_in(knobs_.interrupted_wait_one_in)) {
    log("interrupt a wait");
    return ring.ready() > 0 ? 0 : -EINTR;
  }
  bool slow = timeout != nullptr && to_duration(*timeout) <= kLongestSlowness &&
              choices_.one_in(knobs_.slow_one_in);
  while (ring.ready() < min_complete) {
    if (!slow && step_one(&ring, true)) {
      ring.flush();
      continue;
    }
    if (timeout != nullptr) {
      now_ += to_duration(*timeout);
      log("wait to the limit");
      return ring.ready() > 0 ? 0 : -ETIME;
    }
    if (on_idle && on_idle()) continue;
    if (!wait_for_system(ring)) report_idle();
  }
  return 0;
}

// Waits in real time for the real descriptors that are waited for; another thread may be about to
// write to one.
bool SimKernel::wait_for_system(const SimRing& ring) {
  if (held_) return false;
  std::vector<pollfd> entries;
  for (const std::unique_ptr<SimRequest>& request : live_) {
    if (request->ring != &ring || request->object == nullptr) continue;
    if (!request->object->is_system()) continue;
    short events =
        request->kind == SimRequest::Kind::kPoll ? request->events
        : request->kind == SimRequest::Kind::kWrite || request->kind == SimRequest::Kind::kConnect
            ? short{POLLOUT}
            : short{POLLIN};
    entries.push_back({request->fd, events, 0});
  }
  if (entries.empty()) return false;
  return poll(entries.data(), entries.size(), kSystemWaitMilliseconds) > 0;
}

void SimKernel::report_idle() const {
  std::string report = absl::StrCat("the simulated kernel waits for ever, with ", live_.size(),
                                    " requests in flight", held_ ? " and held" : "", ":\n");
  for (const std::unique_ptr<SimRequest>& request : live_) {
    absl::StrAppend(&report, "  ", describe(*request), "\n");
  }
  std::fputs(report.c_str(), stderr);
  std::abort();
}

void SimKernel::tear_down(io_uring& ring) {
  SimRing* mine = &SimRing::of(ring);
  auto owner = std::find_if(rings_.begin(), rings_.end(),
                            [mine](const auto& candidate) { return candidate.get() == mine; });
  URING_CHECK(owner != rings_.end(), "a ring was torn down that is not there");
  check_all_descriptors();
  log("tear down ring ", mine->number());
  std::erase_if(echoes_, [mine](const Echo& echo) { return echo.ring == mine; });
  for (size_t i = 0; i < live_.size();) {
    SimRequest& request = *live_[i];
    if (request.ring != mine) {
      ++i;
      continue;
    }
    request.ring = nullptr;
    bool cancelled = request.state == SimRequest::State::kArmed && !held_ &&
                     !choices_.one_in(knobs_.cancel_late_one_in);
    if (cancelled || request.kind == SimRequest::Kind::kCancel) {
      retire(request);
    } else {
      request.doomed = true;
      ++i;
    }
  }
  rings_.erase(owner);
}

}  // namespace uring::testing
