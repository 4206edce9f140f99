#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "uring/status.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_log.h"
#include "uring/testing/sim_opcodes.h"

// From submission entries to requests: everything that an entry points at, but for the bytes that
// are to be transferred, is read here and never again (IORING_FEAT_SUBMIT_STABLE).

namespace uring::testing {
namespace {

using Kind = SimRequest::Kind;
using State = SimRequest::State;

constexpr unsigned kKnownFlags = IOSQE_ASYNC | IOSQE_BUFFER_SELECT;
constexpr unsigned kCancelFlags =
    IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY;
// What one request transfers at most.
constexpr size_t kMostBytes = INT_MAX & ~size_t{4095};

bool is_socket_call(uint8_t opcode) { return opcode == IORING_OP_RECV || opcode == IORING_OP_SEND; }

bool is_fixed(uint8_t opcode) {
  return opcode == IORING_OP_READ_FIXED || opcode == IORING_OP_WRITE_FIXED;
}

}  // namespace

// Returns false if the entry itself was at fault, so that without IORING_SETUP_SUBMIT_ALL those
// behind it are not taken.
bool SimKernel::take(SimRing& ring) {
  const io_uring_sqe& entry = ring.take();
  ++counts_.taken;
  SimRequest& request = fresh_request();
  request.ring = &ring;
  request.number = counts_.taken;
  request.user_data = entry.user_data;
  request.opcode = entry.opcode;
  int error = read_entry(entry, request);
  log_request("take", request);
  if (error < 0) {
    request.names_descriptor = false;  // nobody has looked it up
    end(request, error);
    post(request);
    return false;
  }
  if (request.kind == Kind::kCancel) {
    cancel(request);
    return true;
  }
  if (request.names_descriptor) {
    error = find_object(request);
    if (error < 0) {
      end(request, error);
      post(request);
      return true;
    }
  }
  if (held_) {
    // It gets as far as the page that is missing.
    if (request.object != nullptr && request.kind != Kind::kPoll) claim(request);
    return true;
  }
  bool background = (entry.flags & IOSQE_ASYNC) != 0;
  if (background || !choices_.one_in(knobs_.inline_one_in)) return true;
  uint64_t number = request.number;
  for (paused_ = false; !paused_;) {
    // Gone, when its completion was posted.
    if (live_.empty() || live_.back()->number != number || !can_go_on(request)) break;
    if (!advance_request(request)) break;
  }
  return true;
}

// Returns 0, or what is wrong with the entry.
int SimKernel::read_entry(const io_uring_sqe& entry, SimRequest& request) {
  if ((entry.flags & ~kKnownFlags) != 0 || sim_opcode_name(entry.opcode).empty()) return -EINVAL;
  request.selects_buffer = (entry.flags & IOSQE_BUFFER_SELECT) != 0;
  switch (entry.opcode) {
    case IORING_OP_NOP:
      return request.selects_buffer ? -EOPNOTSUPP : 0;
    case IORING_OP_FSYNC:
      request.fd = entry.fd;
      request.names_descriptor = true;
      return 0;
    case IORING_OP_POLL_ADD:
      if (entry.len != 0) return -EINVAL;
      request.kind = Kind::kPoll;
      request.fd = entry.fd;
      request.names_descriptor = true;
      request.events = static_cast<short>(entry.poll32_events);
      return 0;
    case IORING_OP_ASYNC_CANCEL:
      request.kind = Kind::kCancel;
      ++counts_.cancels;
      if ((entry.cancel_flags & ~kCancelFlags) != 0) return -EINVAL;
      request.open_flags = static_cast<int>(entry.cancel_flags);
      request.offset = entry.addr;
      request.fd = entry.fd;
      return 0;
    case IORING_OP_OPENAT: {
      const auto* path = reinterpret_cast<const char*>(entry.addr);
      request.kind = Kind::kOpen;
      request.fd = entry.fd;
      request.open_flags = static_cast<int>(entry.open_flags);
      request.mode = entry.len;
      if (check_memory(request, path, 1)) request.path = path;
      return 0;
    }
    case IORING_OP_CLOSE:
      request.kind = Kind::kClose;
      request.fd = entry.fd;
      return 0;
    default:
      return read_transfer(entry, request);
  }
}

int SimKernel::read_transfer(const io_uring_sqe& entry, SimRequest& request) {
  request.fd = entry.fd;
  request.names_descriptor = true;
  request.length = std::min<size_t>(entry.len, kMostBytes);
  request.offset = is_socket_call(entry.opcode) ? 0 : entry.off;
  request.group = entry.buf_group;
  auto* data = reinterpret_cast<char*>(entry.addr);
  switch (entry.opcode) {
    case IORING_OP_WRITE:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_WRITEV:
    case IORING_OP_SEND:
      request.kind = Kind::kWrite;
      if (request.selects_buffer) return -EOPNOTSUPP;
      break;
    default:
      request.kind = Kind::kRead;
  }
  if (entry.opcode == kReadMultishotOpcode ||
      (entry.opcode == IORING_OP_RECV && (entry.ioprio & IORING_RECV_MULTISHOT) != 0)) {
    if (!knobs_.multishot || !request.selects_buffer) return -EINVAL;
    if (entry.opcode == IORING_OP_RECV && entry.len != 0) return -EINVAL;
    request.multishot = true;
  }
  if (entry.opcode == IORING_OP_READV || entry.opcode == IORING_OP_WRITEV) {
    if (request.selects_buffer || entry.len > IOV_MAX) return -EINVAL;
    request.length = 0;
    const auto* vectors = reinterpret_cast<const iovec*>(entry.addr);
    if (!check_memory(request, vectors, entry.len * sizeof(iovec))) return 0;
    request.memory.assign(vectors, vectors + entry.len);
    for (const iovec& vector : request.memory) request.length += vector.iov_len;
  } else if (!request.selects_buffer) {
    request.memory.push_back({data, request.length});
  } else {
    // Until a buffer is selected there is no telling.
    request.asked = std::exchange(request.length, 1);
  }
  return 0;
}

// What its descriptor stands for now. Returns 0 or a negative errno: what the request comes to.
int SimKernel::find_object(SimRequest& request) {
  struct stat now;
  if (fstat(request.fd, &now) != 0) {
    request.names_descriptor = false;
    return -EBADF;
  }
  request.identity = {now.st_dev, now.st_ino};
  bool regular = S_ISREG(now.st_mode) || S_ISBLK(now.st_mode);
  if (request.kind == Kind::kNothing) return regular ? 0 : -EINVAL;
  int access;
  auto attachment = attachments_.find(request.fd);
  if (attachment != attachments_.end() && attachment->second.identity == request.identity) {
    request.object = attachment->second.object;
    access = attachment->second.access;
  } else {
    bool pollable = !regular && !S_ISDIR(now.st_mode);
    request.object = std::make_shared<SystemObject>(request.fd, pollable);
    access = fcntl(request.fd, F_GETFL) & O_ACCMODE;
  }
  if (request.kind == Kind::kRead && access == O_WRONLY) return -EBADF;
  if (request.kind == Kind::kWrite && access == O_RDONLY) return -EBADF;
  // Pipes do not look at offsets.
  bool somewhere = request.offset != 0 && request.offset != SimObject::kPosition;
  if (S_ISSOCK(now.st_mode) && somewhere) return -ESPIPE;
  if (is_fixed(request.opcode)) {
    const iovec& memory = request.memory.front();
    if (!request.ring->fixed(request.group, memory.iov_base, memory.iov_len)) return -EFAULT;
  }
  if (is_socket_call(request.opcode) && !S_ISSOCK(now.st_mode)) return -ENOTSOCK;
  if (request.opcode == kReadMultishotOpcode && !request.object->pollable()) return -EBADFD;
  return 0;
}

// --- cancelling ----------------------------------------------------------------------------------

void SimKernel::cancel(SimRequest& request) {
  auto flags = static_cast<unsigned>(request.open_flags);
  bool any = (flags & IORING_ASYNC_CANCEL_ANY) != 0;
  bool by_fd = (flags & IORING_ASYNC_CANCEL_FD) != 0;
  bool all = any || (flags & IORING_ASYNC_CANCEL_ALL) != 0;
  int cancelled = 0;
  int answer = -ENOENT;
  for (const std::unique_ptr<SimRequest>& target : live_) {
    if (target->ring != request.ring || target->kind == Kind::kCancel) continue;
    bool matches = any || (by_fd ? target->fd == request.fd : target->user_data == request.offset);
    if (!matches) continue;
    answer = cancel_target(*target);
    log_request("cancel", *target, ": ", answer);
    if (answer == 0) ++cancelled;
    if (!all) break;
  }
  end(request, all ? cancelled : answer);
  if (!knobs_.any_order || choices_.below(2) == 0) post(request);
}

int SimKernel::cancel_target(SimRequest& target) {
  if (target.state == State::kDone) {
    return choices_.one_in(knobs_.cancel_already_one_in) ? -EALREADY : -ENOENT;
  }
  bool armed = target.state == State::kArmed;
  if (held_) {
    target.doomed |= armed;
    return choices_.one_in(knobs_.cancel_not_found_one_in) ? -ENOENT : -EALREADY;
  }
  if (choices_.one_in(knobs_.cancel_not_found_one_in)) {
    target.doomed |= armed;
    return -ENOENT;
  }
  if (choices_.one_in(knobs_.cancel_already_one_in)) {
    target.doomed |= armed;
    return -EALREADY;
  }
  if (choices_.one_in(knobs_.cancel_late_one_in)) {
    target.doomed |= armed;
    return 0;
  }
  bool interrupted = choices_.one_in(knobs_.cancel_eintr_one_in);
  if (armed) {
    end(target, interrupted ? -EINTR : -ECANCELED);
    return 0;
  }
  // A signal reaches the worker between two pages. The file still has the bytes.
  bool in_mid_copy = target.copied > 0 && target.copied < target.claimed;
  if (interrupted && in_mid_copy && target.kind == Kind::kRead && !target.object->pollable() &&
      target.offset != SimObject::kPosition) {
    target.claimed = target.copied;
  }
  return -EALREADY;
}

}  // namespace uring::testing
