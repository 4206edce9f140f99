// bufio/source.h
//
// How bytes of your own get into a Reader.
//
//   class Countdown final : public bufio::Source {
//     uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override { … co_return n; }
//   };
//   bufio::Reader reader = bufio::read_source(ring, std::make_unique<Countdown>());
//
// A Source only fills memory that it is lent; it owns no buffer, and knows nothing of parsers,
// limits or cancelling.

#ifndef BUFIO_SOURCE_H_
#define BUFIO_SOURCE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {

class Source {
 public:
  virtual ~Source() = default;

  // Writes at least one byte to the start of `into` (which is not empty) and returns how many; 0 is
  // the end, and an error is final: after either it is not called again. One call at a time. `into`
  // stays valid until the task ends or is destroyed, which happens when the Reader is; a caller
  // that gives up waiting does not destroy it.
  virtual uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) = 0;

  // What errors call it.
  virtual std::string_view name() const { return "source"; }
};

// A Reader over `source`, whose tasks may await whatever `ring` serves.
//   cost   one frame per read, recycled
//   fair   after 16 reads that ended at once the call that reads waits for the loop's next turn
Reader read_source(uring::Ring& ring, std::unique_ptr<Source> source, ReaderOptions options = {});

// The same without a Ring, for a source whose reads complete at once; one that waits is a checked
// failure.
Reader read_source(std::unique_ptr<Source> source, ReaderOptions options = {});

}  // namespace bufio

#endif  // BUFIO_SOURCE_H_
