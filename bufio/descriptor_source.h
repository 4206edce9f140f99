// bufio/descriptor_source.h
//
// Brings the bytes of a descriptor into a window.
//
// Reads are queued in the order of their bytes: the front one is what the parser needs next, the
// others are read ahead. They may complete in any order; they are taken from the front. A stream
// has one at a time.
//
//   queue_:   [ done | in flight | done | in flight ]      each with its own memory, but for a lone
//   front, which
//               front: next bytes                          writes right behind the window

#ifndef BUFIO_DESCRIPTOR_SOURCE_H_
#define BUFIO_DESCRIPTOR_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bufio/positioned_source.h"
#include "bufio/read_ahead.h"
#include "bufio/reader_options.h"
#include "bufio/reader_state.h"
#include "uring/descriptor.h"
#include "uring/descriptor_kind.h"
#include "uring/read_operation.h"
#include "uring/ref.h"

namespace bufio {

class DescriptorSource final : public PositionedSource, public uring::ReadOperation::Observer {
 public:
  DescriptorSource(uring::Ref<uring::RingCore> ring, uring::Ref<uring::Descriptor> descriptor,
                   const uring::DescriptorKind& kind, const ReaderOptions& options);

  ReaderStats stats() const override;
  bool quiesce() override;
  void collect() override;
  void retire() override;

 private:
  // One read, from when it is sent until its bytes are in the window.
  struct Pending {
    uring::Ref<uring::ReadOperation> operation;
    uint64_t position = 0;  // in the file, of the first byte that is wanted
    size_t wanted = 0;      // bytes from there
    size_t lead = 0;        // O_DIRECT: bytes in front of it that alignment made us read
    size_t taken = 0;       // bytes (lead included) that need not be given to the window any more
    uint64_t sent_in_turn = 0;
    bool done = false;
    bool cancelled = false;  // by quiesce: an answer of ECANCELED is no error
    bool ahead = false;      // sent before anybody needed it
  };

  void set_up_pipe(const ReaderOptions& options);
  Supply supply() override;
  void take_front();
  void front_failed(int error);
  void send_rest_of_front(size_t brought);
  void pop_front();
  void send(bool ahead);
  void send_at(Pending& read, uint64_t position, size_t wanted, Window::Target target, bool ahead);
  void read_ahead();
  void drop_reads() override;
  bool in_flight() const override;
  void drop_operations() override { spares_.clear(); }
  size_t largest_read() const override { return max_read_size_; }
  size_t read_size() const;
  BufferKind buffer_kind() const;
  uring::Pages buffer_pages() const;
  size_t lead_of(uint64_t position) const;
  Window::Target separate_target(uint64_t position, size_t wanted);

  void read_completed(uring::ReadOperation& operation) override;
  void read_stranded(uring::ReadOperation& operation) override;

  size_t max_read_size_;
  size_t read_size_;  // grows to max_read_size_ while reads come back full
  BufferKind buffer_kind_;
  size_t last_read_ = 0;
  bool offload_;
  ReadAhead read_ahead_;
  std::vector<Pending> queue_;                             // oldest first; a handful at most
  std::vector<uring::Ref<uring::ReadOperation>> spares_;   // idle operations, to be used again
  std::vector<uring::Ref<uring::ReadOperation>> orphans_;  // given up, and still in flight
  ReaderStats stats_;
};

}  // namespace bufio

#endif  // BUFIO_DESCRIPTOR_SOURCE_H_
