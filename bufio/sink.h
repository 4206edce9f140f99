// bufio/sink.h
//
// How bytes of a Writer get somewhere of your own.
//
//   class Shouting final : public bufio::Sink {
//     uring::Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) override { … }
//   };
//   bufio::Writer writer = bufio::write_to_sink(ring, std::make_unique<Shouting>());
//
// A Sink only takes bytes that it is lent; it owns no buffer, and knows nothing of water marks,
// gathering or cancelling.

#ifndef BUFIO_SINK_H_
#define BUFIO_SINK_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "bufio/writer.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {

class Sink {
 public:
  virtual ~Sink() = default;

  // Takes at least one byte from the start of `bytes` (which is not empty) and returns how many; an
  // error is final: after it, it is not called again. One call at a time, in the order of the
  // bytes. `bytes` stay valid until the task ends or is destroyed, which happens when the Writer
  // is; a caller that gives up waiting does not destroy it.
  virtual uring::Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) = 0;

  // What errors call it.
  virtual std::string_view name() const { return "sink"; }
};

// A Writer to `sink`, whose tasks may await whatever `ring` serves, and are started by its loop.
//   cost   one frame per write, recycled
Writer write_to_sink(uring::Ring& ring, std::unique_ptr<Sink> sink, WriterOptions options = {});

// The same without a Ring, for a sink whose writes complete at once; one that waits is a checked
// failure. It is called by flush() and its kin, and when the high-water mark is reached.
Writer write_to_sink(std::unique_ptr<Sink> sink, WriterOptions options = {});

}  // namespace bufio

#endif  // BUFIO_SINK_H_
