#include "tests/simulate/writer_calls.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/status.h"

namespace bufio::simulate {

using uring::Task;
using uring::testing::SeededChoices;

namespace {

constexpr int kManyLooks = 100'000;

}  // namespace

Task<void> WriterCalls::write(WriterActor& a, size_t n) {
  const std::string bytes = letters(a.accepted_, n);
  absl::Status status = co_await a.writer().write(bytes);
  a.look_at_position(a.went_well(status));
}

Task<void> WriterCalls::write_all(WriterActor& a, size_t n, size_t first) {
  const std::string bytes = letters(a.accepted_, n);
  const std::string_view all = bytes;
  const bool at_once = n % 2 == 0 && a.writer().try_write(all.substr(0, first), all.substr(first));
  if (at_once) co_return a.look_at_position(a.went_well(absl::OkStatus()));
  absl::Status status = co_await a.writer().write_all(all.substr(0, first), all.substr(first));
  a.look_at_position(a.went_well(status));
}

Task<void> WriterCalls::write_span(WriterActor& a, size_t n, uint64_t seed) {
  const std::string bytes = letters(a.accepted_, n);
  std::vector<std::string_view> parts;
  SeededChoices choices(seed);
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t size = choices.below(static_cast<uint32_t>(rest.size()) + 1);
    parts.push_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  absl::Status status = co_await a.writer().write_all(std::span<const std::string_view>(parts));
  a.look_at_position(a.went_well(status));
}

// In memory that is seen to be freed.
Task<void> WriterCalls::write_owned(WriterActor& a, size_t n) {
  std::pmr::string bytes(letters(a.accepted_, n), &a.world_.system().memory());
  absl::Status status = co_await a.writer().write_owned(std::move(bytes));
  a.look_at_position(a.went_well(status));
}

Task<void> WriterCalls::write_cord(WriterActor& a, size_t n, uint64_t seed) {
  const std::string bytes = letters(a.accepted_, n);
  absl::Cord cord;
  SeededChoices choices(seed);
  for (absl::string_view rest = bytes; !rest.empty();) {
    const size_t size = 1 + choices.below(static_cast<uint32_t>(rest.size()));
    // A chunk of its own, whatever its size, in memory that is seen to be freed.
    std::pmr::vector<char> chunk(rest.begin(), rest.begin() + size, &a.world_.system().memory());
    const absl::string_view view(chunk.data(), chunk.size());
    cord.Append(absl::MakeCordFromExternal(view, [chunk = std::move(chunk)] {}));
    rest.remove_prefix(size);
  }
  absl::Status status = co_await a.writer().write_owned(std::move(cord));
  a.look_at_position(a.went_well(status));
}

Task<void> WriterCalls::write_file(WriterActor& a, size_t n) {
  const std::string before(a.accepted_ % 7, '#');
  const int fd = a.world_.make_file(before + letters(a.accepted_, n) + "#");
  auto file = uring::make_ref<uring::Descriptor>(fd);
  absl::Status status = co_await a.writer().write_file(std::move(file), before.size(), n);
  if (!a.writer_gone() && !a.subject_->has_descriptor() && absl::IsInvalidArgument(status)) {
    co_return a.look_at_position(false);
  }
  a.look_at_position(a.went_well(status));
}

Task<void> WriterCalls::reserve(WriterActor& a, size_t n, uint64_t seed) {
  absl::StatusOr<std::span<char>> room = co_await a.writer().reserve(n);
  if (absl::IsResourceExhausted(room.status()) && uring::errno_of(room.status()) == 0) {
    a.expect(n > a.subject_->options.high_water, "reserve: refused");
    co_return;
  }
  if (!a.went_well(room.status())) co_return;
  if (a.writer_gone()) co_return;  // it was done before
  a.expect(room->size() >= std::max<size_t>(n, 1), "reserve: less than was asked for");
  SeededChoices choices(seed);
  if (choices.one_in(4)) co_return;
  const size_t count = choices.below(static_cast<uint32_t>(std::min(room->size(), n)) + 1);
  const std::string bytes = letters(a.accepted_, count);
  std::copy(bytes.begin(), bytes.end(), room->begin());
  a.writer().commit(count);
  a.accepted_ += count;
}

// --- calls that wait for what was accepted -------------------------------------------------------

void WriterCalls::all_came_out(WriterActor& a) {
  a.expect(a.writer().unwritten() == 0, "something is left");
  SinkRecord& record = *a.subject_->record;
  const bool all = record.seen() == a.accepted_ || !record.outlet->prompt();
  a.expect(all, "what was flushed has not come out");
}

Task<void> WriterCalls::flush(WriterActor& a) {
  absl::Status status = co_await a.writer().flush();
  if (a.went_well(status) && !a.writer_gone()) all_came_out(a);
}

Task<void> WriterCalls::sync(WriterActor& a, bool data_only) {
  absl::Status status = co_await a.writer().sync(data_only);
  if (a.writer_gone() || status != a.writer().status()) {
    // That of fsync, which does not stick.
    const bool no_disk = !a.subject_->is_file() && uring::errno_of(status) == EINVAL;
    if (no_disk || a.may_be_error(status)) co_return;
  }
  if (a.went_well(status) && !a.writer_gone()) all_came_out(a);
}

Task<void> WriterCalls::shutdown(WriterActor& a) {
  absl::Status status = co_await a.writer().shutdown();
  const bool socket = a.subject_->kind == SinkKind::kSocket;
  if (!socket && uring::errno_of(status) == ENOTSOCK) co_return;
  if (!a.went_well(status) || a.writer_gone()) co_return;
  all_came_out(a);
  a.expect(socket && a.subject_->record->outlet->ended(), "shut down, and no end is to be seen");
  a.shut_down_ = true;
}

Task<void> WriterCalls::close(WriterActor& a) {
  absl::Status status = co_await a.writer().close();
  const bool cancelled = absl::IsCancelled(status) || absl::IsDeadlineExceeded(status);
  const bool well = a.went_well(status);
  if (a.writer_gone() || (!well && cancelled)) co_return;
  a.closed_ = true;
  if (!well) co_return;
  all_came_out(a);
  const bool ends = a.subject_->has_descriptor() && !a.subject_->is_file();
  const bool open_elsewhere = a.subject_->kind == SinkKind::kLentPipe ||
                              (a.subject_->duplicated != nullptr && *a.subject_->duplicated);
  if (!ends || open_elsewhere) co_return;
  // A worker of the kernel's may hold the file until this thread enters the kernel again. Turns are
  // what counts here: time stands still for as long as any actor has something to bring.
  for (int looks = 0; looks < kManyLooks && !a.subject_->record->outlet->ended(); ++looks) {
    uring::Ring* const ring = a.live_ring();
    if (ring == nullptr) co_return;
    co_await uring::yield(*ring);
    if (a.writer_gone()) co_return;
  }
  a.expect(a.subject_->record->outlet->ended(), "closed, and no end to be seen");
}

Task<void> WriterCalls::release(WriterActor& a) {
  absl::StatusOr<uring::OwnedFd> released = co_await a.writer().release();
  if (!a.went_well(released.status()) || a.writer_gone()) co_return;
  a.closed_ = true;
  all_came_out(a);
  a.expect(static_cast<bool>(*released) == a.subject_->has_descriptor(),
           "another descriptor was released");
}

Task<void> WriterCalls::write_refused(WriterActor& a) {
  absl::Status status = co_await a.writer().write("x");
  a.expect(!status.ok(), "a write that cannot be was made");
}

Task<void> WriterCalls::flush_refused(WriterActor& a) {
  absl::Status status = co_await a.writer().flush();
  a.expect(!status.ok(), "a flush that cannot be was made");
}

}  // namespace bufio::simulate
