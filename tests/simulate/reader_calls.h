// tests/simulate/reader_calls.h
//
// The calls of a ReaderActor, as coroutines: each awaits one call and compares its answer.
//
// They are destroyed at any moment while they wait, and the Reader may be gone when they go on.

#ifndef TESTS_SIMULATE_READER_CALLS_H_
#define TESTS_SIMULATE_READER_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/simulate/reader_actor.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio::simulate {

class ReaderCalls {
 public:
  static uring::Task<void> fill_buf(ReaderActor& a, size_t n);
  static uring::Task<void> fill_more(ReaderActor& a, size_t n);
  static uring::Task<void> require(ReaderActor& a, size_t n);
  static uring::Task<void> read_until(ReaderActor& a, std::string delimiter,
                                      ReadUntilOptions options);
  static uring::Task<void> read_line(ReaderActor& a, LineOptions options);
  // Of the Lines that the subject keeps; behind each, perhaps, what is buffered.
  static uring::Task<void> next_lines(ReaderActor& a, size_t count, bool in_bulk);
  static uring::Task<void> read_exact(ReaderActor& a, size_t n);
  static uring::Task<void> read_to_end(ReaderActor& a, size_t limit);
  static uring::Task<void> skip(ReaderActor& a, uint64_t n);
  static uring::Task<void> close(ReaderActor& a);
  // `seed`: of what is done with what was released.
  static uring::Task<void> release(ReaderActor& a, uint64_t seed);
  // Of a Reader on which nothing may be called now.
  static uring::Task<void> refused(ReaderActor& a);
  static uring::Task<void> next_refused(ReaderActor& a);

  // --- ways to be cancelled ----------------------------------------------------------------------
  // The call against somebody who ends when the actor says that the race is over.
  static uring::Task<void> in_a_race(ReaderActor& a, uring::Ring& ring, uring::Task<void> body);
  static uring::Task<void> within_an_hour(ReaderActor& a, uring::Ring& ring,
                                          uring::Task<void> body);
  // Destroys the actor's call `number`, if it still waits, from the loop.
  static uring::Task<void> kill(ReaderActor& a, uint64_t number);

 private:
  static uring::Task<void> referee(ReaderActor& a, uring::Ring& ring);
  static void released(ReaderActor& a, Released released, uint64_t seed);
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_READER_CALLS_H_
