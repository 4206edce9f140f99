// bufio/narrowing_state.h
//
// Base of adaptors whose bytes are their parent's, in place: take, until, tee, Lookahead.
//
// Its window has the parent's memory, and the cursor that calls move inline is the parent's own, as
// it were: so a satisfied call through any number of them costs what it costs through none. What
// is behind the limit is hidden, and still the parent's. pos() is the parent's, too.
//
// close() of one that borrows its parent lets go of it, and of one that owns it closes it.
// release() hands out the bytes that are shown, as consumed, and no descriptor.

#ifndef BUFIO_NARROWING_STATE_H_
#define BUFIO_NARROWING_STATE_H_

#include <cstdint>
#include <string_view>

#include "bufio/adaptor_state.h"
#include "bufio/parent_reader.h"
#include "bufio/reader_options.h"
#include "uring/descriptor.h"
#include "uring/ref.h"

namespace bufio {

class NarrowingState : public AdaptorState {
 public:
  std::string_view name() const override { return parent_.parent().name(); }
  ReaderStats stats() const override;
  bool quiesce() override { return parent_.quiesce(); }
  void collect() override { releasing_ = error().ok(); }
  bool keeps_descriptor() const override { return true; }
  uring::Ref<uring::Descriptor> take_descriptor() override;
  void retire() override;

 protected:
  explicit NarrowingState(ParentHandle parent);

  // For the constructor's end: shows what is there already.
  void start();
  ParentReader& parent() { return parent_; }
  // How much of the parent's buffer a call may need.
  virtual size_t parent_limit() const { return buffer_limit(); }

  Supply supply() override;
  // About to let go of the parent, whose cursor will be where the window's is.
  virtual void leaving() {}
  // The window may have more bytes: sets the end, or an error, if they are the last ones.
  virtual void settle();
  void parent_ready() final;
  void call_left() override { parent_.pause(); }

 private:
  void parent_gone() final;

  ParentReader parent_;
  bool releasing_ = false;
};

}  // namespace bufio

#endif  // BUFIO_NARROWING_STATE_H_
