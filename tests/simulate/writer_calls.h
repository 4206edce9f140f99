// tests/simulate/writer_calls.h
//
// The calls of a WriterActor, as coroutines: each awaits one call and compares its answer.
//
// They are destroyed at any moment while they wait, and the Writer may be gone when they go on.

#ifndef TESTS_SIMULATE_WRITER_CALLS_H_
#define TESTS_SIMULATE_WRITER_CALLS_H_

#include <cstddef>
#include <cstdint>

#include "tests/simulate/writer_actor.h"
#include "uring/task.h"

namespace bufio::simulate {

class WriterCalls {
 public:
  // --- calls that accept the next `n` letters
  static uring::Task<void> write(WriterActor& a, size_t n);
  // In two ranges, or more than that.
  static uring::Task<void> write_all(WriterActor& a, size_t n, size_t first);
  static uring::Task<void> write_span(WriterActor& a, size_t n, uint64_t seed);
  static uring::Task<void> write_owned(WriterActor& a, size_t n);
  static uring::Task<void> write_cord(WriterActor& a, size_t n, uint64_t seed);
  static uring::Task<void> write_file(WriterActor& a, size_t n);
  // Reserves `n`, and commits as many as `seed` says, or none.
  static uring::Task<void> reserve(WriterActor& a, size_t n, uint64_t seed);

  // --- calls that wait for what was accepted
  static uring::Task<void> flush(WriterActor& a);
  static uring::Task<void> sync(WriterActor& a, bool data_only);
  static uring::Task<void> shutdown(WriterActor& a);
  static uring::Task<void> close(WriterActor& a);
  static uring::Task<void> release(WriterActor& a);

  // Of a Writer on which nothing may be called now.
  static uring::Task<void> write_refused(WriterActor& a);
  static uring::Task<void> flush_refused(WriterActor& a);

 private:
  static void all_came_out(WriterActor& a);
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_WRITER_CALLS_H_
