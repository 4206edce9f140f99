// bufio/adaptor_state.h
//
// Base of the states of Readers that stand on another Reader, their parent (parent_reader.h):
// take, tee, decompression.
//
//   class Inflate final : public AdaptorState {
//     Supply supply() override {
//       if (input_.available() == 0) {
//         switch (parent_.fill(kInput)) {
//           case ParentReader::Filled::kLater:  return Supply::kLater;   // progress() will be
//           called case ParentReader::Filled::kFailed: return Supply::kMore;    // so has our call
//           case ParentReader::Filled::kMore:   break;
//         }
//       }
//       if (input_.available() == 0) { set_error(parent_.error()); set_ended(true); }
//       … input_.consume(decompress(input_.view())) …
//     }
//     Window input_;                                      // the parent's bytes, in place
//     ParentReader parent_{*this, input_, …};
//   };
//
// An adaptor that only narrows its parent has its own window() in the place of input_, so that its
// calls find the parent's bytes there, and nothing is between them.
//
// Each owes its parents to call_left() and retire() (pause() and let_go() of each).

#ifndef BUFIO_ADAPTOR_STATE_H_
#define BUFIO_ADAPTOR_STATE_H_

#include <cstddef>
#include <string_view>
#include <utility>

#include "bufio/reader_options.h"
#include "bufio/reader_state.h"
#include "uring/ref.h"
#include "uring/ring_core.h"

namespace bufio {

// An adaptor may hold as much as what it stands on.
inline ReaderOptions options_of(const ReaderState& parent) {
  ReaderOptions options;
  options.max_buffer_size = parent.max_buffer_size();
  return options;
}

class ParentReader;

class AdaptorState : public ReaderState {
 protected:
  using ReaderState::ReaderState;

  void call_left() override = 0;

 private:
  friend class ParentReader;

  // From the run loop: what ParentReader::fill or quiesce said to be coming has come, and the
  // window has it. Must not resume coroutines.
  virtual void parent_ready() { progress(); }
  // How many of the parent's bytes from the cursor on, `all` of them, its window may show.
  virtual size_t shown(std::string_view all) { return all.size(); }
  // The window is about to be given back: how many of the bytes in front of its cursor are to be
  // left with the parent. What has been consumed can be looked at for the last time.
  virtual size_t kept() { return 0; }
  // The window has the parent's bytes again.
  virtual void window_lent() {}
  // The parent, or one below it, is being destroyed, and the window is about to go with it.
  virtual void parent_gone() {}
};

}  // namespace bufio

#endif  // BUFIO_ADAPTOR_STATE_H_
