#include "bufio/take.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/narrowing_state.h"
#include "uring/ref.h"

namespace bufio {
namespace {

class TakeState final : public NarrowingState {
 public:
  TakeState(ParentHandle parent, uint64_t n, bool exact)
      : NarrowingState(std::move(parent)),
        start_(window().pos()),
        end_(start_ + std::min(n, UINT64_MAX - start_)),
        exact_(exact) {
    start();
  }

  uint64_t skip_ahead(uint64_t n) override {
    uint64_t passed = parent().skip_ahead(std::min(n, end_ - window().pos()));
    if (passed > 0) settle();
    return passed;
  }

 private:
  size_t shown(std::string_view all) override {
    return static_cast<size_t>(std::min<uint64_t>(all.size(), end_ - window().pos()));
  }

  void settle() override {
    if (window().end_pos() == end_) return set_ended(true);
    if (!parent().ended()) return;
    if (parent().error().ok() && exact_) {
      set_error(absl::DataLossError(absl::StrCat(where(), ": the stream ends after ",
                                                 window().end_pos() - start_, " of ", end_ - start_,
                                                 " bytes")));
    }
    NarrowingState::settle();
  }

  uint64_t start_;
  uint64_t end_;
  bool exact_;
};

}  // namespace

Reader take(ParentHandle parent, uint64_t n) {
  return Reader(uring::make_ref<TakeState>(std::move(parent), n, /*exact=*/false));
}

Reader take_exactly(ParentHandle parent, uint64_t n) {
  return Reader(uring::make_ref<TakeState>(std::move(parent), n, /*exact=*/true));
}

}  // namespace bufio
