#include "bufio/chain.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bufio/adaptor_state.h"
#include "bufio/parent_reader.h"
#include "bufio/window.h"
#include "uring/check.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring_core.h"

namespace bufio {
namespace {

// The Ring of those that have one; null if none has.
uring::Ref<uring::RingCore> ring_of(const std::vector<Reader>& parts) {
  uring::RingCore* found = nullptr;
  for (const Reader& part : parts) {
    uring::RingCore* ring = part.state().ring();
    URING_CHECK(ring == nullptr || found == nullptr || ring == found,
                "chain: Readers of different Rings");
    if (ring != nullptr) found = ring;
  }
  return uring::Ref<uring::RingCore>(found);
}

ReaderOptions options_of_first(const std::vector<Reader>& parts) {
  return parts.empty() ? ReaderOptions() : options_of(parts.front().state());
}

// The bytes of the part that it is at are in input_, and from there, as long as nothing is left of
// the part before, in the window, in place. Where something is left, what follows is copied behind
// it, by small steps, until that is consumed.
class ChainState final : public AdaptorState {
 public:
  explicit ChainState(std::vector<Reader> parts)
      : AdaptorState(ring_of(parts), options_of_first(parts)), parts_(std::move(parts)) {
    set_ended(!next_part());
  }

  std::string_view name() const override { return "chain"; }
  uint64_t skip_ahead(uint64_t n) override {
    if (!part_.has_value() || window().available() > 0) return 0;
    uint64_t passed = part_->skip_ahead(n);
    if (passed > 0) window().clear(window().pos() + passed);
    return passed;
  }
  bool quiesce() override { return !part_.has_value() || part_->quiesce(); }
  bool keeps_descriptor() const override { return true; }
  uring::Ref<uring::Descriptor> take_descriptor() override {
    return part_.has_value() ? part_->take_descriptor() : nullptr;
  }
  void retire() override {
    if (part_.has_value()) part_->let_go();
    parts_.clear();
    next_ = 0;
  }

 private:
  static constexpr size_t kStep = 4096;

  Supply supply() override {
    forget_parts();
    const size_t had = window().available();
    do {
      if (!part_.has_value()) {
        if (!next_part()) set_ended(true);
      } else if (input_.available() > 0) {
        copy_some();
      } else if (!part_->ended()) {
        ParentReader::Filled filled = part_->fill(buffer_limit());
        if (filled == ParentReader::Filled::kLater) return Supply::kLater;
        if (filled == ParentReader::Filled::kFailed) return Supply::kMore;
      } else if (!part_->error().ok()) {
        set_error(part_->error());
      } else {
        leave_part();
      }
    } while (window().available() == had && !final());
    return Supply::kMore;
  }

  // False: there are no more.
  bool next_part() {
    if (next_ == parts_.size()) return false;
    part_.emplace(*this, input_, ParentHandle(std::move(parts_[next_++])));
    part_->lend();
    return true;
  }

  // What is left of it stays, in memory of our own.
  void leave_part() {
    if (!part_.has_value()) return;
    size_t left = window().available();
    if (in_place_) {
      take_window_back();
      window().append_copy(input_.view().substr(0, left), buffers());
      input_.consume(left);
    }
    left_.emplace_back(&part_->parent());
    part_->let_go();
    part_.reset();
    input_.clear(0);
  }

  // A part that is just telling us of its end must not be destroyed before it has done so.
  void parent_ready() override {
    told_by_part_ = true;
    progress();
    told_by_part_ = false;
  }
  void forget_parts() {
    if (!told_by_part_) left_.clear();
  }

  // Behind what is left of the part before.
  void copy_some() {
    if (window().available() == 0) return show_in_place();
    size_t left = window().available();
    size_t room = buffer_limit() - std::min(buffer_limit(), left);
    size_t step = std::min({input_.available(), std::max(kStep, left), std::max(room, size_t{1})});
    window().append_copy(input_.view().substr(0, step), buffers());
    input_.consume(step);
  }

  void show_in_place() {
    input_.lend(window(), input_.available());
    in_place_ = true;
  }
  void take_window_back() {
    input_.take_back(window());
    in_place_ = false;
  }

  void window_lent() override {
    if (window().available() == 0) show_in_place();
  }
  size_t kept() override {
    if (in_place_) take_window_back();
    return 0;
  }
  void call_left() override {
    if (part_.has_value()) part_->pause();
    forget_parts();
  }

  std::vector<Reader> parts_;
  size_t next_ = 0;
  Window input_;
  std::optional<ParentReader> part_;
  bool in_place_ = false;
  bool told_by_part_ = false;                  // within parent_ready()
  std::vector<uring::Ref<ReaderState>> left_;  // parts that have ended, and may not have returned
};

}  // namespace

Reader chain(std::vector<Reader> parts) {
  return Reader(uring::make_ref<ChainState>(std::move(parts)));
}

}  // namespace bufio
