#include "bufio/descriptor_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "uring/status.h"

namespace bufio {
namespace {

constexpr size_t kSmallRead = size_t{16} << 10;
constexpr size_t kWorthHugePages = size_t{256} << 10;
constexpr size_t kSmallestPipeRead = size_t{64} << 10;
constexpr size_t kDirectRead = size_t{512} << 10;
constexpr size_t kDirectAlignment = 4096;
constexpr int kBufferedDepth = 3;
constexpr int kDirectDepth = 7;
size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Half the second-level cache: the parser finds there what the kernel has copied. Smaller reads
// cost system calls, larger ones memory traffic.
size_t buffered_read_size() {
  static const size_t size = [] {
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return std::clamp<size_t>(std::bit_floor(static_cast<size_t>(std::max(cache, 0L)) / 2),
                              size_t{128} << 10, size_t{512} << 10);
  }();
  return size;
}

size_t max_read_size(const ReaderOptions& options, const uring::DescriptorKind& kind) {
  size_t size = options.read_size != 0 ? options.read_size
                : kind.direct          ? kDirectRead
                                       : buffered_read_size();
  if (kind.direct) size = round_up(size, kDirectAlignment);
  return size;
}

int max_depth(const ReaderOptions& options, const uring::DescriptorKind& kind) {
  if (kind.read != uring::ReadKind::kPositional || options.buffers == BufferKind::kMirrored)
    return 0;
  if (options.max_read_ahead >= 0) return options.max_read_ahead;
  return kind.direct ? kDirectDepth : kBufferedDepth;
}

}  // namespace

DescriptorSource::DescriptorSource(uring::Ref<uring::RingCore> ring,
                                   uring::Ref<uring::Descriptor> descriptor,
                                   const uring::DescriptorKind& kind, const ReaderOptions& options)
    : PositionedSource(std::move(ring), std::move(descriptor), kind, options),
      max_read_size_(max_read_size(options, kind)),
      read_size_(std::min(max_read_size_, kSmallRead)),
      buffer_kind_(options.buffers),
      offload_(options.offload && this->ring()->capabilities().setup != uring::SetupRung::kPolling),
      read_ahead_(max_depth(options, kind), options.offload || kind.direct) {
  if (positional()) {
    // The size is but a hint for the first buffer. Powers of two, so that buffers are used again.
    uint64_t expected = kind.size > kind.offset ? kind.size - kind.offset : kSmallRead;
    size_t smallest = std::min(kSmallRead, max_read_size_);
    read_size_ = static_cast<size_t>(
        std::clamp<uint64_t>(std::bit_ceil(expected), smallest, max_read_size_));
    if (kind.direct) read_size_ = max_read_size_;
  }
  if (kind.pipe) set_up_pipe(options);
}

// Reads of a whole pipe make reader and writer take turns; of a quarter of it, they run side by
// side.
void DescriptorSource::set_up_pipe(const ReaderOptions& options) {
  int fd = descriptor()->fd();
  int wanted = static_cast<int>(std::min<size_t>(options.pipe_size, 1U << 30));
  int size = fcntl(fd, F_GETPIPE_SZ);
  if (size < wanted && fcntl(fd, F_SETPIPE_SZ, wanted) >= 0) size = wanted;
  if (options.read_size != 0 || size <= 0) return;
  size_t quarter = std::max(static_cast<size_t>(size) / 4, kSmallestPipeRead);
  max_read_size_ = std::min(max_read_size_, quarter);
}

ReaderStats DescriptorSource::stats() const {
  ReaderStats stats = stats_;
  stats.copied_bytes = window().copied_bytes();
  stats.read_ahead = read_ahead_.depth();
  return stats;
}

// --- bytes ---------------------------------------------------------------------------------------

ReaderState::Supply DescriptorSource::supply() {
  if (queue_.empty() || !queue_.front().done) {
    if (!ring()->status().ok()) {
      set_error(uring::annotate(ring()->status(), where()));
      return Supply::kMore;
    }
    if (queue_.empty()) send(/*ahead=*/false);
    queue_.front().ahead = false;  // somebody waits for it
    read_ahead();
    return Supply::kLater;
  }
  if (queue_.front().ahead) ++stats_.hits;
  queue_.front().ahead = false;
  take_front();
  return Supply::kMore;
}

// Gives the window what the front read has brought, or as much of it as the limit allows.
void DescriptorSource::take_front() {
  Pending& front = queue_.front();
  int32_t result = front.operation->result();
  if (result < 0) return front_failed(-result);
  size_t got = std::min(static_cast<size_t>(result), front.lead + front.wanted);
  if (got <= front.lead) {
    set_ended(true);
    drop_reads();
    return;
  }
  size_t limit = buffer_limit();
  size_t allowed = limit - std::min(limit, window().available());
  size_t step = std::min(got - front.taken, allowed);
  const uring::ReadOperation::Target& target = front.operation->target();
  window().append(target.buffer, target.offset + front.taken, step, buffers());
  front.taken += step;
  if (front.taken < got) return;
  if (positional() && got < front.lead + front.wanted) {
    // No end yet: the next read tells.
    send_rest_of_front(got - front.lead);
  } else {
    if (got == target.length) read_size_ = std::min(2 * read_size_, max_read_size_);
    pop_front();
  }
  if (read_ahead_.depth() > 0 && ring()->status().ok()) {
    read_ahead();
    // The reads that were just sent should be on their way before the parser gets busy, and others
    // have waited too.
    ask_for_turn();
  }
}

void DescriptorSource::front_failed(int error) {
  if (queue_.front().cancelled && (error == ECANCELED || error == EINTR)) {
    return positional() ? send_rest_of_front(0) : pop_front();
  }
  // A worker thread that is interrupted to cancel a read says EINTR.
  const absl::Status& ring_status = ring()->status();
  bool ring_gone = (error == ECANCELED || error == EINTR) && !ring_status.ok();
  set_error(ring_gone ? uring::annotate(ring_status, where())
                      : uring::errno_status(error, "read", name()));
  drop_reads();
}

// Reads again what the front read has not brought; `brought`: bytes of it that it has.
void DescriptorSource::send_rest_of_front(size_t brought) {
  Pending& front = queue_.front();
  uint64_t position = front.position + brought;
  if (queue_.size() == 1) {
    pop_front();
    next_position_ = position;
    return;
  }
  if (!ring()->status().ok()) {
    // Nobody can fill the gap any more, so what was read behind it is of no use.
    set_error(uring::annotate(ring()->status(), where()));
    return drop_reads();
  }
  // Bytes behind the gap are on their way already: fill the gap, and no more than that.
  size_t wanted = front.wanted - brought;
  send_at(front, position, wanted, separate_target(position, wanted), /*ahead=*/false);
}

void DescriptorSource::pop_front() {
  uring::Ref<uring::ReadOperation> operation = std::move(queue_.front().operation);
  static_cast<void>(operation->take_buffer());
  spares_.push_back(std::move(operation));
  queue_.erase(queue_.begin());
}

// --- reads ---------------------------------------------------------------------------------------

// Registering a buffer pays only for one that is used again and again.
BufferKind DescriptorSource::buffer_kind() const {
  bool small = buffer_kind_ == BufferKind::kFixed && read_size() < max_read_size_;
  return small ? BufferKind::kHeap : buffer_kind_;
}

// Devices want huge pages, and copies of the largest size come some percent faster with them.
uring::Pages DescriptorSource::buffer_pages() const {
  bool large = positional() && read_size() == max_read_size_ && max_read_size_ >= kWorthHugePages;
  return kind().direct || large ? uring::Pages::kHuge : uring::Pages::kOrdinary;
}

size_t DescriptorSource::read_size() const { return offload_ ? max_read_size_ : read_size_; }

void DescriptorSource::send(bool ahead) {
  size_t wanted = read_size();
  Window::Target target;
  if (ahead || kind().direct) {
    wanted -= lead_of(next_position_);  // so that the reads after it are aligned
    target = separate_target(next_position_, wanted);
  } else {
    size_t expected = positional() ? wanted : std::min(last_read_, wanted);
    target = window().prepare(buffers(), buffer_kind(), buffer_pages(), wanted, expected);
    wanted = target.length;
  }
  queue_.emplace_back();
  send_at(queue_.back(), next_position_, wanted, std::move(target), ahead);
  next_position_ += wanted;
}

// O_DIRECT reads begin and end at multiples of the alignment.
size_t DescriptorSource::lead_of(uint64_t position) const {
  return kind().direct ? static_cast<size_t>(position % kDirectAlignment) : 0;
}

Window::Target DescriptorSource::separate_target(uint64_t position, size_t wanted) {
  size_t length = wanted + lead_of(position);
  if (kind().direct) length = round_up(length, kDirectAlignment);
  return Window::separate(buffers(), buffer_kind(), buffer_pages(), length);
}

void DescriptorSource::send_at(Pending& read, uint64_t position, size_t wanted,
                               Window::Target target, bool ahead) {
  if (!read.operation && !spares_.empty()) {
    read.operation = std::move(spares_.back());
    spares_.pop_back();
  }
  if (!read.operation) {
    read.operation = uring::make_ref<uring::ReadOperation>(uring::Ref<uring::RingCore>(ring()),
                                                           descriptor(), kind().read, *this);
  }
  read.position = position;
  read.wanted = wanted;
  read.lead = lead_of(position);
  read.taken = read.lead;
  read.sent_in_turn = ring()->turn_count();
  read.done = false;
  read.cancelled = false;
  read.ahead = ahead;
  ++stats_.reads;
  // A read of cached pages completes while it is submitted; others are worth a look all the same,
  // to learn which it was.
  bool expect_inline = positional() && !kind().direct && !offload_;
  read.operation->read(
      {std::move(target.buffer), target.offset, target.length, position - read.lead}, offload_,
      expect_inline);
}

void DescriptorSource::read_ahead() {
  if (!positional() || final()) return;
  auto wanted = static_cast<size_t>(read_ahead_.depth()) + 1;
  // Never behind where the file ended when it was opened: those reads would bring nothing.
  while (queue_.size() < wanted && (next_position_ < kind().size)) send(/*ahead=*/true);
}

void DescriptorSource::read_completed(uring::ReadOperation& operation) {
  auto read = std::find_if(queue_.begin(), queue_.end(), [&operation](const Pending& p) {
    return p.operation.get() == &operation;
  });
  if (read == queue_.end()) {
    std::erase_if(orphans_,
                  [&operation](const auto& orphan) { return orphan.get() == &operation; });
    progress();
    return;
  }
  read->done = true;
  auto got = static_cast<size_t>(std::max(operation.result(), 0));
  stats_.bytes += got - std::min(got, read->lead);
  // A call that has its bytes but was not resumed yet does not wait for this read.
  bool waited = read == queue_.begin() && awaited() && !read->ahead;
  bool at_once = ring()->turn_count() - read->sent_in_turn <= 1;
  if (waited && !at_once) ++stats_.stalls;
  read_ahead_.completed(at_once, waited);
  last_read_ = got;
  progress();
}

void DescriptorSource::read_stranded(uring::ReadOperation&) {
  set_error(uring::annotate(ring()->status(), where()));
  progress();
}

// Forgets the queue. What is in flight becomes an orphan with its memory.
void DescriptorSource::drop_reads() {
  for (Pending& read : queue_) {
    if (read.done) {
      auto got = static_cast<size_t>(std::max(read.operation->result(), 0));
      stats_.wasted_bytes += got - std::min(got, read.taken);
      static_cast<void>(read.operation->take_buffer());
      spares_.push_back(std::move(read.operation));
    } else {
      stats_.wasted_bytes += read.operation->target().length;
      read.operation->give_up();
      if (!read.operation->idle()) orphans_.push_back(std::move(read.operation));
    }
  }
  queue_.clear();
}

// --- the end -------------------------------------------------------------------------------------

bool DescriptorSource::quiesce() {
  bool quiet = orphans_.empty();
  for (Pending& read : queue_) {
    if (read.done) continue;
    quiet = false;
    if (!std::exchange(read.cancelled, true)) ring()->cancel(*read.operation);
  }
  return quiet || !ring()->status().ok();
}

// A stream's bytes are nowhere else; a file's can be read again.
void DescriptorSource::collect() {
  if (positional()) return drop_reads();
  while (!queue_.empty() && queue_.front().done && queue_.front().operation->result() > 0) {
    Pending& front = queue_.front();
    const uring::ReadOperation::Target& target = front.operation->target();
    size_t rest = static_cast<size_t>(front.operation->result()) - front.taken;
    window().append(target.buffer, target.offset + front.taken, rest, buffers());
    pop_front();
  }
}

bool DescriptorSource::in_flight() const {
  return !orphans_.empty() ||
         std::any_of(queue_.begin(), queue_.end(), [](const Pending& p) { return !p.done; });
}

void DescriptorSource::retire() {
  drop_reads();
  for (const auto& orphan : orphans_) orphan->let_go();
  orphans_.clear();
  spares_.clear();
}

}  // namespace bufio
