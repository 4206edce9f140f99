// uring/options.h
//
// What a Ring can be told. Every field has a default that nobody needs to touch.

#ifndef URING_OPTIONS_H_
#define URING_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory_resource>
#include <optional>
#include <string_view>

#include "uring/pool_options.h"

namespace uring {

class Kernel;

// The ways to set a ring up, best first.
//   deferred      single issuer, completions' work done only when this thread asks for it
//   (Linux 6.1) cooperative   that work done at the thread's next system call, with no interrupt
//   (Linux 5.19) plain         what every io_uring can do
// and one that is only taken when asked for:
//   polling       a kernel thread takes the entries and copies, on another core, and burns it while
//   there is work;
//                 needs privileges before Linux 5.13
enum class SetupRung { kDeferred, kCooperative, kPlain, kPolling };

std::string_view setup_rung_name(SetupRung rung);

struct RingOptions {
  // Submission entries, a power of two. More requests than that wait in the Ring; none is lost or
  // refused. Fewer are tried when the system is short of memory.
  unsigned entries = 256;

  // Completion entries, 16 bytes each: how many completions may be there before the loop takes
  // them. What comes beyond is kept by the kernel, at the price of an allocation, until there is
  // room (IORING_FEAT_NODROP). Fewer are tried when the system is short of memory, or the user has
  // locked as much as he may (RLIMIT_MEMLOCK; Linux 6.14 counts the queues, too: liburing#1408).
  unsigned completion_entries = 8192;

  // Requests that may be in flight at once; more wait in the Ring, in order, until one completes.
  // The read of a connection is one, for as long as the connection is idle: a Ring of more idle
  // connections than this serves nobody. Cancels come on top. 16 bytes each, once there are so
  // many.
  unsigned max_in_flight = 1U << 16;

  // The only rung to try; none: the best that works. The environment variable URING_SETUP
  // (deferred, cooperative, plain or polling) does the same for every Ring of the process that was
  // not given one here.
  std::optional<SetupRung> setup;

  // Whether buffers may be registered with the kernel, which saves it the mapping of pages in each
  // read. Silently off where locking memory is refused. The environment variable
  // URING_FIXED_BUFFERS=0 turns it off.
  bool fixed_buffers = true;

  // How much memory may wait for the terminal completions of requests whose owners are gone
  // (Ring::orphans). While they pin as much, new requests that would pin memory wait in the Ring,
  // in order (RingStats::held_back): a bound that one more round of abandoned requests can exceed
  // and no second one can. 0: new requests wait for every orphan. SIZE_MAX: no bound.
  size_t max_orphaned_bytes = size_t{64} << 20;

  // How long destroying the Ring waits for the terminal completions of what it cancelled. What is
  // not finished by then is leaked and reported, never freed. So long also waits whoever lets go of
  // memory of his own that a request borrows (scope.h).
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds(5);

  // How long the loop looks for completions, posts and due timers, over and over, before it sleeps
  // in the kernel. 0: it sleeps at once. What comes within that time costs no sleep and no wake-up,
  // so a round trip over loopback takes about 10 microseconds instead of 50, if its peer, too, is
  // awake and on another core. The price: the thread burns its core while it looks, whether
  // anything comes or not, and on a core that it shares it keeps away those that it waits for. So
  // it is for a thread with a core of its own, and for times of the order of what it waits for:
  // some 50 microseconds, or a century for a loop that is never to sleep.
  std::chrono::nanoseconds busy_poll = std::chrono::nanoseconds(0);

  // Free buffers kept for the next Reader, in bytes.
  size_t buffer_cache_bytes = size_t{8} << 20;

  // The pool that Streams share, and other socket Readers that are told to
  // (bufio/reader_options.h). Allocated when the first one is, and touched as it is used: 1 MiB as
  // long as few talk. The kernel is lent up to half of it. More buffers serve more connections that
  // all talk at the same moment; fewer are never an error. When all of them are held by calls that
  // wait for something else, as those of a server are whose clients do not read, the others get
  // extra ones.
  PoolOptions receive_pool = {.buffers = 1024,
                              .buffer_size = size_t{16} << 10,
                              .extra_buffers = size_t{32} << 10,
                              .mode = PoolMode::kProvided};

  // Where buffers come from; null: the heap. Must outlive the Ring and every Reader on it.
  std::pmr::memory_resource* buffer_memory = nullptr;

  // The system; null: the real one. Must outlive the Ring and every Reader on it.
  Kernel* kernel = nullptr;

  // Told, in a few lines of text, what a Ring leaked; none: written to stderr.
  std::function<void(std::string_view)> on_leak;
};

}  // namespace uring

#endif  // URING_OPTIONS_H_
