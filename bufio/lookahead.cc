#include "bufio/lookahead.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bufio/narrowing_state.h"
#include "uring/check.h"
#include "uring/ref.h"

namespace bufio {
namespace {

class LookaheadState final : public NarrowingState {
 public:
  explicit LookaheadState(ParentHandle parent) : NarrowingState(std::move(parent)) {
    window().hold_from(window().pos());
    start();
  }

 private:
  Supply supply() override {
    size_t needed = window().held() + window().available() + 1;
    if (needed > parent_limit() && !parent().ended()) {
      fail_call(too_long("what is looked ahead at", parent_limit()));
      return Supply::kMore;
    }
    return NarrowingState::supply();
  }

  size_t kept() override { return window().held(); }
};

}  // namespace

Lookahead::Lookahead(Reader& parent)
    : reader_(uring::make_ref<LookaheadState>(ParentHandle(parent))) {}

void Lookahead::commit() {
  Window& window = reader_.state().window();
  window.hold_from(window.pos());
}

void Lookahead::roll_back() {
  ReaderState& state = reader_.state();
  URING_CHECK(state.free(), "Lookahead::roll_back: a call waits");
  state.window().unread(state.window().look_back(), state.buffers());
  state.clear_scan_mark();
  state.set_discarding_line(false);
}

}  // namespace bufio
