#include "tests/simulate/copy_actor.h"

#include <cerrno>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "bufio/descriptor.h"
#include "uring/status.h"

namespace bufio::simulate {

using uring::Task;

void CopyActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, ": ", uring::as_absl(what)));
}

void CopyActor::call_was_cut_short() {
  for (Way& way : ways_) way.loose_ends = true;
}

// --- at any time ---------------------------------------------------------------------------------

void CopyActor::check() {
  if (!begun_) return;
  for (Way& way : ways_) look_at(way);
}

void CopyActor::look_at(Way& way) {
  SinkRecord& record = *way.sink->record;
  record.accepted = way.accepted();
  record.written = way.written();
  if (std::string wrong = record.look(); !wrong.empty()) expect(false, wrong);
  const uint64_t pos = way.reader->pos();
  if (way.sink->writer->status().ok()) {
    expect(pos == way.accepted(), absl::StrCat("read to ", pos, ", accepted ", way.accepted()));
  } else {
    expect(pos >= way.written() && pos <= way.accepted(), "a write error lost bytes");
  }
}

void CopyActor::look_at_result(Way& way, const CopyResult& result, uint64_t from,
                               bool other_failed) {
  const uint64_t pos = way.reader->pos();
  const System& system = world_.system();
  expect(pos == from + result.bytes, "copied another number of bytes than was read");
  if (!result.read_error.ok()) {
    const int error = uring::errno_of(result.read_error);
    const bool expected =
        (error != 0 && (error == way.read_error || system.may_fail_with(error))) ||
        (other_failed && absl::IsCancelled(result.read_error)) ||
        (ring_gone_now() && absl::IsFailedPrecondition(result.read_error));
    expect(expected, "a read error from nowhere: " + result.read_error.ToString());
  }
  if (!result.write_error.ok()) {
    const int error = uring::errno_of(result.write_error);
    const bool hung_up = way.sink->record->hung_up && error == EPIPE;
    const bool expected =
        hung_up || (error != 0 && (error == way.sink->error || system.may_fail_with(error))) ||
        (other_failed && absl::IsCancelled(result.write_error)) ||
        (ring_gone_now() && absl::IsFailedPrecondition(result.write_error)) ||
        (way.shut_down && absl::IsFailedPrecondition(result.write_error));
    expect(expected, "a write error from nowhere: " + result.write_error.ToString());
    // One that was interrupted leaves to the Writer what it had handed over.
    const bool failed = result.write_error == way.sink->writer->status();
    if (failed && !way.loose_ends) {
      expect(pos == way.written(), "what was not written is not in the Reader again");
    }
    return;
  }
  if (result.ok()) expect(way.sink->writer->unwritten() == 0, "copied, and not written");
}

// --- calls ---------------------------------------------------------------------------------------

Task<void> CopyActor::copy_one(CopyActor& a, size_t number, uint64_t n) {
  Way& way = a.ways_[number];
  const uint64_t from = way.reader->pos();
  CopyResult result = co_await copy_n(*way.reader, *way.sink->writer, n);
  a.look_at_result(way, result, from, false);
  if (!result.ok()) co_return;
  way.loose_ends = false;
  const uint64_t pos = way.reader->pos();
  a.expect(pos == from + n || pos == way.size, "it was neither the end nor as many as asked for");
}

Task<void> CopyActor::copy_both(CopyActor& a) {
  Way& forth = a.ways_[0];
  Way& back = a.ways_[1];
  const uint64_t from[] = {forth.reader->pos(), back.reader->pos()};
  forth.shut_down = back.shut_down = true;
  CopyBothResult both = co_await copy_bidirectional(*forth.reader, *back.sink->writer, *back.reader,
                                                    *forth.sink->writer);
  a.look_at_result(forth, both.forth, from[0], !both.back.ok());
  a.look_at_result(back, both.back, from[1], !both.forth.ok());
  if (!both.ok()) co_return a.call_was_cut_short();
  const bool all = forth.reader->pos() == forth.size && back.reader->pos() == back.size;
  a.expect(all, "copied both ways, and not all");
}

// --- steps ---------------------------------------------------------------------------------------

void CopyActor::act(Choices& choices) {
  pending_.collect();
  if (pending_.made()) return act_on_call(choices);
  if (!begun_ || ring_gone_now() || choices.one_in(8)) return begin(choices);
  make_call(choices);
}

void CopyActor::begin(Choices& choices) {
  let_go();
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  ring_generation_ = world_.ring_generation(ring_);
  if (world_.ring(ring_) == nullptr) return;
  for (Way& way : ways_) {
    way.size = choices.one_in(8) ? choices.below(5000) : choices.below(300);
    if (choices.one_in(8)) way.read_error = ECONNRESET;
    int fd = -1;
    const StreamKind kind = choices.one_in(2) ? StreamKind::kPipe : StreamKind::kSocket;
    way.feeder = &world_.make_stream(kind, letters(0, static_cast<size_t>(way.size)),
                                     way.read_error, choices.below(1U << 31), fd);
    ReaderOptions options;
    options.read_size = choices.one_in(2) ? 0 : 1 + choices.below(90);
    options.pipe_size = 0;
    options.buffers = BufferKind::kHeap;
    way.reader.emplace(adopt_fd(*world_.ring(ring_), fd, options));
    way.sink = make_writer_subject(world_, ring_, choices);
    world_.note(name_, ": from a stream of ", way.size, " bytes to a ", sink_name(way.sink->kind),
                ", high water ", way.sink->options.high_water);
  }
  begun_ = true;
}

void CopyActor::make_call(Choices& choices) {
  if (choices.one_in(3)) {
    world_.note(name_, ": copies both ways");
    return pending_.start(live_ring(), copy_both(*this), choices);
  }
  const size_t way = choices.below(2);
  const uint64_t n = choices.one_in(2) ? UINT64_MAX : choices.below(200);
  world_.note(name_, ": copies at most ", n, " the way ", way);
  pending_.start(live_ring(), copy_one(*this, way, n), choices);
}

void CopyActor::act_on_call(Choices& choices) {
  if (ring_gone_now()) return pending_.destroy("destroyed, after its Ring");
  Way& way = ways_[choices.below(2)];
  switch (choices.below(12)) {
    case 0:
      return pending_.destroy("destroyed");
    case 1:
      return pending_.destroy_from(*live_ring());
    case 2:
      return pending_.end_race();
    case 3:
      world_.note(name_, ": two hours pass");
      return world_.system().advance(std::chrono::hours(2));
    case 4:
      if (choices.one_in(3)) hang_up(way);
      return;
    case 5:
    case 6:
    case 7:
      return way.sink->record->outlet->make_room(1 + choices.below(100));
    default:
      static_cast<void>(way.feeder->feed());
  }
}

void CopyActor::hang_up(Way& way) {
  const bool stream = way.sink->kind == SinkKind::kPipe || way.sink->kind == SinkKind::kSocket;
  if (!stream || !way.sink->record->outlet->hang_up(EPIPE)) return;
  world_.note(name_, ": a peer hangs up");
  way.sink->record->hung_up = true;
}

// --- the end -------------------------------------------------------------------------------------

bool CopyActor::wind_up() {
  pending_.collect();
  if (!pending_.made()) return true;
  if (ring_gone_now()) {
    pending_.destroy("destroyed in the end, after its Ring");
    return true;
  }
  for (Way& way : ways_) {
    static_cast<void>(way.feeder->feed());
    static_cast<void>(way.sink->record->outlet->make_room_if_full());
  }
  return false;
}

void CopyActor::let_go() {
  pending_.drop();
  if (begun_) check();
  begun_ = false;
  for (Way& way : ways_) way = Way();
}

}  // namespace bufio::simulate
