#include "tests/simulate/world.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "uring/buffer_pool.h"
#include "uring/ring_core.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio::simulate {
namespace {

// Far more than any program needs, were its bytes to come one by one with errors in between:
// whoever is not quiet by then never will be.
constexpr int kManyTurns = 200'000;

uring::Task<void> nothing() { co_return; }

}  // namespace

World::World(std::unique_ptr<System> system, const RingShape& shape, LineSink trace)
    : system_(std::move(system)), shape_(shape), trace_(std::move(trace)), rings_(shape.rings) {
  system_->on_idle = [this] { return feed_anybody(); };
  if (trace_) system_->record();
  note("on ", system_->describe());
  for (size_t i = 0; i < rings_.size(); ++i) make_ring(i);
}

World::~World() {
  actors_.clear();
  rings_.clear();
}

void World::take_kernel_trace() {
  for (const std::string& line : system_->take_trace()) trace_("    kernel: " + line);
}

void World::fail(std::string_view what) {
  note("WRONG: ", uring::as_absl(what));
  if (failure_.empty()) failure_ = what;
}

// --- rings ---------------------------------------------------------------------------------------

void World::make_ring(size_t index) {
  uring::RingOptions options;
  options.entries = shape_.entries;
  options.completion_entries = shape_.completion_entries;
  options.max_in_flight = shape_.max_in_flight;
  options.fixed_buffers = system_->fixed_buffers();
  options.buffer_cache_bytes = shape_.cache_bytes;
  // So small that it is dry now and then.
  options.receive_pool.buffers = 4;
  options.receive_pool.buffer_size = 64;
  options.receive_pool.extra_buffers = shape_.extra_buffers;
  options.buffer_memory = &system_->memory();
  options.kernel = &system_->kernel();
  options.on_leak = [this](std::string_view report) { ring_leaked(report); };
  absl::StatusOr<uring::Ring> made = uring::Ring::create(std::move(options));
  if (!made.ok()) return fail(made.status().ToString());
  rings_[index].ring.emplace(*std::move(made));
}

void World::destroy_ring(size_t index) {
  RingPlace& place = rings_[index];
  if (!place.ring) return;
  for (auto& actor : actors_) actor->ring_goes(index);
  const uring::Ref<uring::RingCore> core(&place.ring->core());
  place.ring.reset();
  ++place.generation;
  const uring::RingStats stats = core->stats();
  if (stats.in_flight > 0 && !leaked_) fail("a Ring was destroyed too early");
  for (auto& actor : actors_) actor->ring_gone(index);
}

void World::ring_leaked(std::string_view report) {
  note(uring::as_absl(report));
  leaked_ = true;
  if (!system_->held() && !system_->may_get_stuck()) fail("a Ring leaked though it need not have");
}

void World::turn(size_t index) {
  uring::Ring* ring = this->ring(index);
  if (ring == nullptr) return;
  turned_ = index;
  const uring::RingStats stats = ring->stats();
  uring::RingCore& core = ring->core();
  const bool waits = stats.in_flight + stats.waiting_for_entry > 0;
  const bool busy = core.anything_ready() || core.timers().size() > 0;
  // Somebody who is ready keeps the loop from waiting: for what will not come, or is just handed
  // over from within.
  if (system_->held() || (!waits && !busy)) uring::spawn(*ring, nothing());
  core.turn();
  ++rings_[index].turns;
}

bool World::feed_anybody() {
  bool fed = false;
  if (letting_go_) return false;
  for (auto& feeder : feeders_) fed |= feeder->feed();
  if (fed) note("  idle: bytes come");
  bool made_room = false;
  for (auto& outlet : outlets_) made_room |= outlet->make_room_if_full();
  if (made_room) note("  idle: there is room");
  bool woken = false;
  for (auto& actor : actors_) woken |= actor->idle();
  return fed || made_room || woken;
}

Feeder& World::make_stream(StreamKind kind, std::string text, int error, uint64_t seed, int& fd,
                           size_t most) {
  std::unique_ptr<FarEnd> far_end;
  fd = descriptors_.expect_close(system_->make_stream(kind, far_end));
  feeders_.push_back(
      std::make_unique<Feeder>(std::move(far_end), std::move(text), error, seed, most));
  return *feeders_.back();
}

Outlet& World::make_sink(StreamKind kind, size_t room, int& fd) {
  std::unique_ptr<Outlet> outlet;
  fd = descriptors_.expect_close(system_->make_sink(kind, room, outlet));
  outlets_.push_back(std::move(outlet));
  return *outlets_.back();
}

Outlet& World::make_output(const std::string& text, bool appends, int& fd) {
  std::unique_ptr<Outlet> outlet;
  fd = descriptors_.expect_close(system_->make_output(text, appends, outlet));
  outlets_.push_back(std::move(outlet));
  return *outlets_.back();
}

World::Connection World::make_connection(std::string text, int error, uint64_t seed, size_t room) {
  std::unique_ptr<FarEnd> far_end;
  std::unique_ptr<Outlet> outlet;
  const int fd = descriptors_.expect_close(system_->make_connection(room, far_end, outlet));
  feeders_.push_back(
      std::make_unique<Feeder>(std::move(far_end), std::move(text), error, seed, SIZE_MAX));
  outlets_.push_back(std::move(outlet));
  return {fd, feeders_.back().get(), outlets_.back().get()};
}

// --- what must hold ------------------------------------------------------------------------------

void World::check_ring(size_t index, bool at_the_end) {
  uring::Ring* ring = this->ring(index);
  if (ring == nullptr) return;
  const uring::RingStats stats = ring->stats();
  if (stats.in_flight != stats.submitted - stats.terminal)
    fail("in flight != submitted - terminal");
  if (stats.orphans > stats.in_flight) fail("more orphans than requests in flight");
  if (stats.orphans == 0 && stats.orphaned_bytes != 0) fail("bytes of no orphan");
  if (stats.faults > 0 && !system_->may_fail_with(EFAULT))
    fail("the kernel could not write where it was told to");
  if (stats.stale_completions > 0 && !system_->lies()) fail("a completion found nobody");
  if (!at_the_end) return;
  if (stats.in_flight > 0 || stats.waiting_for_entry > 0) fail("requests are left behind");
  if (stats.orphans > 0 || stats.orphaned_bytes > 0) fail("orphans are left behind");
  if (ring->core().receive_pool()) {
    const uring::PoolStats pool = uring::receive_pool(*ring).stats();
    if (pool.lent + pool.extra + pool.waiting > 0) fail("a buffer of the Ring's pool is in use");
    // Else it goes with the Ring.
    ring->core().receive_pool().reset();
  }
  if (ring->buffer_stats().live_bytes > 0) {
    fail(absl::StrCat(ring->buffer_stats().live_bytes, " bytes of buffers are left behind"));
  }
  if (ring->core().timers().size() > 0) fail("a timer is left behind");
  if (!ring->core().spawned().empty()) fail("a task is left behind");
}

void World::check() {
  for (size_t i = 0; i < rings_.size(); ++i) check_ring(i, /*at_the_end=*/false);
  for (auto& actor : actors_) actor->check();
  if (std::string complaints = system_->complaints(); !complaints.empty()) fail(complaints);
  if (descriptors_.wrong_closes() > 0) fail("a descriptor was closed that was not open");
}

// --- the end -------------------------------------------------------------------------------------

void World::wind_up() {
  note("winding up");
  system_->hold(false);
  std::vector<bool> over(actors_.size(), false);
  for (int round = 0;; ++round) {
    if (round == kManyTurns) return fail("it never comes to an end");
    bool all_over = true;
    for (size_t i = 0; i < actors_.size() && !failed(); ++i) {
      if (!over[i]) over[i] = actors_[i]->wind_up();
      all_over &= over[i];
    }
    if (all_over || failed()) return;
    for (size_t i = 0; i < rings_.size(); ++i) {
      // Reads ahead that nobody waits for may have taken all its room, and while it never sleeps
      // nobody asks for bytes.
      if (starved(i)) feed_anybody();
      turn(i);
    }
    // A loop that never sleeps does not always look after its kernel, which goes on by itself.
    system_->step();
    check();
  }
}

bool World::starved(size_t index) {
  uring::Ring* ring = this->ring(index);
  return ring != nullptr && ring->stats().waiting_for_entry > 0;
}

bool World::starved() {
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (starved(i)) return true;
  }
  return false;
}

bool World::quiet(size_t index) {
  uring::Ring* ring = this->ring(index);
  if (ring == nullptr) return true;
  const uring::RingStats stats = ring->stats();
  return stats.in_flight == 0 && stats.waiting_for_entry == 0 && !ring->core().anything_ready() &&
         ring->core().spawned().empty();
}

void World::settle(size_t index) {
  for (int turns = 0; !failed(); ++turns) {
    if (turns == kManyTurns) return fail("a Ring is never quiet");
    // One more than it seems to need: what was refused is handed out by a turn.
    const bool done = quiet(index);
    turn(index);
    system_->step();
    if (done && quiet(index)) return;
  }
}

void World::take_lent_back() {
  for (int fd : lent_) {
    if (fcntl(fd, F_GETFD) < 0) fail("a descriptor was closed that was only lent");
    ::close(fd);
  }
  lent_.clear();
}

void World::end() {
  note("letting go");
  system_->hold(false);
  for (auto& actor : actors_) actor->let_go();
  // Cancelling is all it takes; only what could not be cancelled ends with its stream.
  if (system_->may_get_stuck()) {
    for (auto& feeder : feeders_) feeder->feed_all();
    for (auto& outlet : outlets_) outlet->open_up();
  }
  letting_go_ = true;
  for (size_t i = 0; i < rings_.size(); ++i) settle(i);
  for (size_t i = 0; i < rings_.size(); ++i) check_ring(i, /*at_the_end=*/true);
  actors_.clear();
  for (size_t i = 0; i < rings_.size(); ++i) destroy_ring(i);
  system_->finish_torn_down();
  take_lent_back();
  for (const auto& look : last_looks_) {
    if (std::string wrong = look(); !wrong.empty()) fail(wrong);
  }
  if (system_->in_flight() > 0) fail("the kernel still works on something");
  if (std::string complaints = system_->complaints(); !complaints.empty()) fail(complaints);
  if (descriptors_.wrong_closes() > 0) fail("a descriptor was closed that was not open");
  if (leaked_) return;
  if (system_->live_blocks() > 0) fail("memory was not given back");
  if (descriptors_.open() > 0) fail(absl::StrCat("still open: ", descriptors_.list()));
}

}  // namespace bufio::simulate
