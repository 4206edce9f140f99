#include "bufio/memory.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

namespace bufio {
namespace {

// All bytes are in the window from the start.
class MemorySource final : public ReaderState {
 public:
  // Borrowed.
  MemorySource(std::string_view text, const ReaderOptions& options)
      : ReaderState(nullptr, options), text_(text) {
    show_from(0);
  }
  // Owned.
  MemorySource(std::string text, const ReaderOptions& options)
      : ReaderState(nullptr, options), owned_(std::move(text)), padded_(true) {
    size_t size = owned_.size();
    owned_.append(Window::kPadding, '\0');
    text_ = std::string_view(owned_).substr(0, size);
    show_from(0);
  }

  std::string_view name() const override { return "memory"; }
  absl::StatusOr<uint64_t> size() override { return text_.size(); }
  absl::Status seek(uint64_t pos) override {
    show_from(pos);
    return absl::OkStatus();
  }
  void retire() override {}

 private:
  Supply supply() override { return Supply::kMore; }

  void show_from(uint64_t pos) {
    set_ended(true);
    if (pos > text_.size()) return window().clear(pos);
    window().show(text_, padded_);
    window().consume(static_cast<size_t>(pos));
  }

  std::string owned_;
  std::string_view text_;
  bool padded_ = false;
};

class CordSource final : public ReaderState {
 public:
  CordSource(absl::Cord text, const ReaderOptions& options)
      : ReaderState(nullptr, options), text_(std::move(text)), rest_(text_) {
    set_ended(text_.empty());
  }

  std::string_view name() const override { return "cord"; }
  absl::StatusOr<uint64_t> size() override { return text_.size(); }
  absl::Status seek(uint64_t pos) override {
    rest_ = text_;
    rest_.RemovePrefix(std::min<uint64_t>(pos, text_.size()));
    window().clear(pos);
    set_ended(rest_.empty());
    return absl::OkStatus();
  }
  uint64_t skip_ahead(uint64_t n) override {
    uint64_t passed = std::min<uint64_t>(n, rest_.size());
    rest_.RemovePrefix(passed);
    window().clear(window().pos() + passed);
    set_ended(rest_.empty());
    return passed;
  }
  void retire() override {}

 private:
  static constexpr size_t kPiece = size_t{64} << 10;

  Supply supply() override {
    size_t wanted = std::min(kPiece, buffer_limit() - window().available());
    Window::Target target =
        window().prepare(buffers(), BufferKind::kHeap, uring::Pages::kOrdinary, wanted, wanted);
    char* to = target.buffer->data() + target.offset;
    size_t copied = 0;
    for (absl::string_view chunk : rest_.Chunks()) {
      size_t step = std::min(chunk.size(), target.length - copied);
      std::copy_n(chunk.data(), step, to + copied);
      copied += step;
      if (copied == target.length) break;
    }
    rest_.RemovePrefix(copied);
    window().append(target.buffer, target.offset, copied, buffers());
    set_ended(rest_.empty());
    return Supply::kMore;
  }

  absl::Cord text_;
  absl::Cord rest_;
};

}  // namespace

Reader read_view(std::string_view text, ReaderOptions options) {
  return Reader(uring::make_ref<MemorySource>(text, options));
}

Reader read_string(std::string text, ReaderOptions options) {
  return Reader(uring::make_ref<MemorySource>(std::move(text), options));
}

Reader read_cord(absl::Cord text, ReaderOptions options) {
  return Reader(uring::make_ref<CordSource>(std::move(text), options));
}

}  // namespace bufio
