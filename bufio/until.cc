#include "bufio/until.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/narrowing_state.h"
#include "bufio/scan.h"
#include "uring/check.h"
#include "uring/ref.h"

namespace bufio {
namespace {

class UntilState final : public NarrowingState {
 public:
  UntilState(ParentHandle parent, std::string_view delimiter, UntilOptions options)
      : NarrowingState(std::move(parent)),
        delimiter_(delimiter),
        required_(options.required),
        searched_(window().pos()) {
    URING_CHECK(!delimiter_.empty(), "until: the delimiter is empty");
    start();
  }

 private:
  size_t shown(std::string_view all) override {
    uint64_t pos = window().pos();
    if (!found_.has_value()) {
      size_t from = searched_ > pos ? static_cast<size_t>(searched_ - pos) : 0;
      ScanResult result = scan_delimiter(all, from, delimiter_);
      if (result.found) {
        found_ = pos + result.length - delimiter_.size();
      } else {
        searched_ = pos + result.examined;
      }
    }
    if (found_.has_value()) {
      return static_cast<size_t>(std::min<uint64_t>(all.size(), *found_ - pos));
    }
    return parent().ended() ? all.size() : all.size() - start_of_delimiter(all);
  }

  // How many of the last bytes may be the delimiter's first ones.
  size_t start_of_delimiter(std::string_view bytes) const {
    std::string_view start = delimiter_;
    size_t most = std::min(bytes.size(), delimiter_.size() - 1);
    for (start = start.substr(0, most); !start.empty(); start.remove_suffix(1)) {
      if (bytes.ends_with(start)) break;
    }
    return start.size();
  }

  void settle() override {
    if (found_.has_value()) {
      if (window().end_pos() == *found_) set_ended(true);
      return;
    }
    if (!parent().ended()) return;
    if (parent().error().ok() && required_) {
      set_error(absl::DataLossError(
          absl::StrCat(where(), ": the stream ends without the delimiter of a part")));
    }
    NarrowingState::settle();
  }

  void leaving() override {
    bool read = found_.has_value() && window().pos() == *found_;
    if (!read || window().hidden() < delimiter_.size()) return;
    window().show_only(delimiter_.size());
    window().consume(delimiter_.size());
  }

  std::string delimiter_;
  bool required_;
  uint64_t searched_;              // no delimiter begins in front of it
  std::optional<uint64_t> found_;  // where one does
};

}  // namespace

Reader until(ParentHandle parent, std::string_view delimiter, UntilOptions options) {
  return Reader(uring::make_ref<UntilState>(std::move(parent), delimiter, options));
}

}  // namespace bufio
