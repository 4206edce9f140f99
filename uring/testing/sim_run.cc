#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "uring/check.h"
#include "uring/testing/sim_copy.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_log.h"

namespace uring::testing {
namespace {

using Kind = SimRequest::Kind;
using State = SimRequest::State;

// A request makes at most so many pauses between two pieces.
constexpr unsigned kMostPieces = 4;

// The end of the other direction, which is told as well, makes nobody ready.
bool ready_to_transfer(const SimObject& object, short events) {
  const short found = object.ready(events);
  if (object.is_system()) return found != 0;
  return (found & (events == POLLIN ? POLLIN | POLLHUP : POLLOUT)) != 0;
}

bool ready(const SimRequest& request) {
  switch (request.kind) {
    case Kind::kRead:
      return ready_to_transfer(*request.object, POLLIN);
    case Kind::kWrite:
      return ready_to_transfer(*request.object, POLLOUT);
    case Kind::kPoll:
      return request.object->ready(request.events) != 0;
    case Kind::kAccept:
      return request.object->ready(POLLIN) != 0;
    case Kind::kConnect:
      return !request.connecting || request.object->ready(POLLOUT) != 0;
    default:
      return true;
  }
}

}  // namespace

// --- whose turn it is ----------------------------------------------------------------------------

SimRequest& SimKernel::fresh_request() {
  if (free_.empty()) free_.push_back(std::make_unique<SimRequest>());
  live_.push_back(std::move(free_.back()));
  free_.pop_back();
  return *live_.back();
}

void SimKernel::retire(SimRequest& request) {
  ++counts_.completed;
  auto found = std::find_if(live_.begin(), live_.end(),
                            [&request](const auto& live) { return live.get() == &request; });
  (*found)->reset();
  free_.push_back(std::move(*found));
  live_.erase(found);
}

bool SimKernel::can_go_on(const SimRequest& request) const {
  if (request.kind == Kind::kCancel) return true;
  if (held_) return false;
  return request.state != State::kArmed || request.doomed || !request.tried || ready(request);
}

// One step of one request of `ring` (null: of any); of one that only waits for its cancelling as
// the last resort. False if nobody can make one.
bool SimKernel::step_one(const SimRing* ring, bool last_resort) {
  for (bool doomed : {false, true}) {
    if (doomed && !last_resort) return false;
    bool whoever = knobs_.any_order && last_resort;
    candidates_.clear();
    for (size_t i = 0; i < live_.size(); ++i) {
      SimRequest& request = *live_[i];
      if (ring != nullptr && request.ring != ring) continue;
      bool waits = request.doomed && request.state == State::kArmed;
      if ((waits != doomed && !whoever) || !can_go_on(request)) continue;
      candidates_.push_back(i);
      if (!knobs_.any_order) break;
    }
    for (size_t i = 0; !doomed && i < echoes_.size(); ++i) {
      if (ring == nullptr || echoes_[i].ring == ring) candidates_.push_back(live_.size() + i);
    }
    if (candidates_.empty()) continue;
    auto choose_of = static_cast<uint32_t>(knobs_.any_order ? candidates_.size() : 1);
    size_t chosen = candidates_[choose_of > 1 ? choices_.below(choose_of) : 0];
    if (chosen < live_.size()) {
      // It may turn out that nothing was there for it; that was its step, all the same.
      advance_request(*live_[chosen]);
    } else {
      auto echo = echoes_.begin() + static_cast<ptrdiff_t>(chosen - live_.size());
      Echo repeated = *echo;
      echoes_.erase(echo);
      log("repeat a completion");
      ++counts_.lies;
      post_to(*repeated.ring, repeated.completion);
    }
    return true;
  }
  return false;
}

// --- the steps of a request ----------------------------------------------------------------------

// False if nothing changed: it waits. Otherwise it may be gone.
bool SimKernel::advance_request(SimRequest& request) {
  switch (request.state) {
    case State::kArmed:
      return begin(request);
    case State::kRunning:
      copy(request);
      return true;
    case State::kNotifying:
      notify(request);
      return true;
    case State::kDone:
      break;
  }
  post(request);
  return true;
}

// Whether it stops here, to go on in another step.
bool SimKernel::pause(SimRequest& request) {
  if (request.pieces >= kMostPieces || !choices_.one_in(knobs_.pieces_one_in)) return false;
  ++request.pieces;
  paused_ = true;
  return true;
}

bool SimKernel::begin(SimRequest& request) {
  if (request.doomed) {
    // Whoever asked for the cancelling does not know, and bytes may have come first; once.
    bool transfers = request.kind == Kind::kRead || request.kind == Kind::kWrite ||
                     (request.kind == Kind::kAccept && request.ring != nullptr);
    bool goes_on = request.ring != nullptr || !request.selects_buffer;
    if (!transfers || !goes_on || !ready(request) || choices_.below(2) == 0) {
      end(request, choices_.one_in(knobs_.cancel_eintr_one_in) ? -EINTR : -ECANCELED);
      post(request);
      return true;
    }
  }
  bool fails = !std::exchange(request.tried, true) && fails_now(request);
  if (!fails) {
    switch (request.kind) {
      case Kind::kNothing:
      case Kind::kSync:
        end(request, 0);
        break;
      case Kind::kPoll: {
        short found = request.object->ready(request.events);
        if (found == 0) return false;
        end(request, found);
        break;
      }
      case Kind::kOpen: {
        int fd = openat(request.fd, request.path.c_str(), request.open_flags, request.mode);
        end(request, fd < 0 ? -errno : fd);
        break;
      }
      case Kind::kClose:
        for (const std::unique_ptr<SimRequest>& other : live_) {
          if (other->names_descriptor && other->fd == request.fd && !other->reported) {
            other->reported = true;
            violation(*other,
                      "a descriptor was closed while a request that names it was in flight");
          }
        }
        end(request, close(request.fd) != 0 ? -errno : 0);
        break;
      case Kind::kRead:
      case Kind::kWrite:
        return begin_transfer(request);
      case Kind::kAccept:
      case Kind::kConnect:
        return begin_socket_call(request);
      case Kind::kCancel:
        break;
    }
  }
  if (!pause(request)) post(request);
  return true;
}

bool SimKernel::begin_transfer(SimRequest& request) {
  if (!claim(request)) return false;
  if (request.state == State::kRunning) {
    copy(request);
  } else if (!pause(request)) {
    post(request);
  }
  return true;
}

bool SimKernel::begin_socket_call(SimRequest& request) {
  if (!(request.kind == Kind::kAccept ? accept(request) : connect(request))) return false;
  if (!pause(request)) post(request);
  return true;
}

// The failures that take nothing, each at the first try.
bool SimKernel::fails_now(SimRequest& request) {
  bool transfers = request.kind == Kind::kRead || request.kind == Kind::kWrite;
  bool waits = transfers || request.kind == Kind::kAccept;
  bool goes_on = request.kind == Kind::kConnect;  // by itself, when it was interrupted
  bool others = request.kind == Kind::kPoll || request.kind == Kind::kOpen ||
                request.kind == Kind::kSync || goes_on;
  if (!waits && !others) return false;
  int error = 0;
  if (!goes_on && choices_.one_in(knobs_.interrupted_one_in)) {
    error = EINTR;
  } else if (waits && choices_.one_in(knobs_.again_one_in)) {
    error = EAGAIN;
  } else if (!knobs_.errors.empty() && choices_.one_in(knobs_.error_one_in)) {
    error = knobs_.errors[choices_.below(static_cast<uint32_t>(knobs_.errors.size()))];
  }
  if (error == 0) return false;
  end(request, -error);
  return true;
}

// Takes out of its object what the request will deliver, or room for what it will write. False if
// it has to wait. It runs then, or is done.
bool SimKernel::claim(SimRequest& request) {
  if (request.selects_buffer) {
    if (request.waits_first && !ready(request)) return false;
    // It is looked for before anything else, and put back if there is nothing to read: so an empty
    // ring of buffers hides the end of the stream.
    if (!select_buffer(request)) {
      end(request, -ENOBUFS);
      return true;
    }
  }
  if (request.length > 0 && !ready(request)) return false;
  bool reads = request.kind == Kind::kRead;
  size_t size = request.length;
  if (reads) size = std::min(size, request.object->available(request.offset));
  if (size > 1) {
    if (choices_.one_in(knobs_.one_byte_one_in)) {
      size = 1;
    } else if (choices_.one_in(knobs_.short_one_in)) {
      size = choices_.between(1, static_cast<uint32_t>(size - 1));
    }
  }
  ssize_t result =
      request.length == 0 ? 0
      : reads ? request.object->read(request.offset, std::max<size_t>(size, 1), request.bytes)
              : request.object->reserve(size);
  if (result < 0) {
    if (result == -EPIPE && request.raises_signal) violation(request, "SIGPIPE was raised");
    end(request, result);
    return true;
  }
  request.state = State::kRunning;
  request.claimed = static_cast<size_t>(result);
  request.copied = 0;
  if (!reads) request.bytes.resize(request.claimed);
  if (request.selects_buffer && (result > 0 || choices_.one_in(knobs_.buffer_at_end_one_in))) {
    ++request.ring->find_group(request.group)->head;
  } else {
    request.completion_flags = 0;
  }
  return true;
}

// The next buffer of its group becomes its memory; it is not consumed yet.
bool SimKernel::select_buffer(SimRequest& request) {
  SimBufferGroup* group =
      request.ring != nullptr ? request.ring->find_group(request.group) : nullptr;
  if (group == nullptr || !check_memory(request, group->ring, sizeof(io_uring_buf))) return false;
  if (io_uring_smp_load_acquire(&group->ring->tail) == group->head) return false;
  const io_uring_buf& buffer = group->ring->bufs[group->head & (group->entries - 1)];
  size_t length = buffer.len;
  if (request.asked > 0) length = std::min(length, request.asked);
  request.memory.assign(1, {reinterpret_cast<void*>(buffer.addr), length});
  request.length = length;
  request.completion_flags = IORING_CQE_F_BUFFER | static_cast<uint32_t>(buffer.bid)
                                                       << IORING_CQE_BUFFER_SHIFT;
  return true;
}

void SimKernel::copy(SimRequest& request) {
  size_t left = request.claimed - request.copied;
  size_t size = left;
  if (left > 0 && pause(request)) size = choices_.below(static_cast<uint32_t>(left));
  copy_bytes(request, size);
  if (request.copied < request.claimed || pause(request)) return;
  auto result = static_cast<ssize_t>(request.claimed);
  if (request.kind == Kind::kWrite && request.claimed > 0) {
    result = request.object->write(request.offset, request.bytes);
  }
  end(request, result);
  post(request);
}

// The next `size` bytes, between the request's memory and its own.
void SimKernel::copy_bytes(SimRequest& request, size_t size) {
  if (size > 0) log_request("copy", request, ": ", request.copied, "+", size);
  bool reads = request.kind == Kind::kRead;
  if (reads && request.ring == nullptr) counts_.written_late += size;
  size_t begin = 0;
  for (const iovec& part : request.memory) {
    size_t end = begin + part.iov_len;
    if (size > 0 && request.copied < end) {
      size_t skipped = request.copied - begin;
      size_t count = std::min(size, part.iov_len - skipped);
      char* memory = static_cast<char*>(part.iov_base) + skipped;
      char* own = request.bytes.data() + request.copied;
      if (check_memory(request, memory, count)) {
        kernel_copy(reads ? memory : own, reads ? own : memory, count);
      }
      request.copied += count;
      size -= count;
    }
    begin = end;
  }
}

// --- its end -------------------------------------------------------------------------------------

void SimKernel::end(SimRequest& request, int64_t result) {
  request.state = State::kDone;
  request.result = static_cast<int32_t>(result);
  bool lies = request.selects_buffer && result < 0 && request.completion_flags != 0 &&
              choices_.one_in(knobs_.buffer_with_error_one_in);
  if (result < 0 && !lies) request.completion_flags = 0;
}

void SimKernel::post(SimRequest& request) {
  check_descriptor(request);
  for (const iovec& part : request.memory) check_memory(request, part.iov_base, part.iov_len);
  bool again = request.multishot && request.result > 0 && request.ring != nullptr &&
               !request.doomed && !request.ring->full() &&
               !choices_.one_in(knobs_.end_multishot_one_in);
  bool notifies =
      request.zero_copy && (request.result >= 0 || !choices_.one_in(knobs_.bare_error_one_in));
  bool more = again || notifies;
  log_request("complete", request, ": ", request.result, more ? " and more to come" : "");
  SimCompletion completion = {request.user_data, request.result, request.completion_flags};
  if (!more) return post_last(request, completion);
  completion.flags |= IORING_CQE_F_MORE;
  if (request.ring != nullptr) post_to(*request.ring, completion);
  if (notifies) {
    request.state = State::kNotifying;
    request.names_descriptor = false;
    return;
  }
  request.waits_first = !choices_.one_in(knobs_.eager_buffers_one_in);
  request.state = State::kArmed;
  request.tried = false;
  request.pieces = 0;
  request.completion_flags = 0;
}

void SimKernel::post_last(SimRequest& request, const SimCompletion& completion) {
  if (request.ring == nullptr) {
    // Nobody will ever hear of it.
    if (request.kind == Kind::kAccept && request.result >= 0) close(request.result);
    return retire(request);
  }
  if (choices_.one_in(knobs_.repeat_one_in)) echoes_.push_back({request.ring, completion});
  if (choices_.one_in(knobs_.drop_one_in)) {
    ++counts_.lies;
    request.ring->drop();
  } else {
    post_to(*request.ring, completion);
  }
  retire(request);
}

// The bytes may leave as late as now: they must be what they were.
void SimKernel::notify(SimRequest& request) {
  std::string sent(request.bytes, 0, request.copied);
  bool changed = false;
  size_t begin = 0;
  for (const iovec& part : request.memory) {
    size_t count = std::min(part.iov_len, sent.size() - begin);
    if (!check_memory(request, part.iov_base, part.iov_len)) continue;
    std::string now(count, '\0');
    kernel_copy(now.data(), static_cast<char*>(part.iov_base), count);
    changed |= sent.compare(begin, count, now) != 0;
    begin += count;
  }
  if (changed && !request.memory_gone)
    violation(request, "bytes were changed while a zero-copy send was to read them");
  int32_t usage = 0;
  if (request.tells_usage && choices_.one_in(knobs_.copied_one_in)) usage = INT32_MIN;
  log_request("notify", request, ": ", usage);
  post_last(request, {request.user_data, usage, IORING_CQE_F_NOTIF});
}

void SimKernel::post_to(SimRing& ring, const SimCompletion& completion) {
  if (!ring.post(completion)) ++counts_.overflows;
}

}  // namespace uring::testing
