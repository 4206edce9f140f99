#include "bufio/decompress/decompressor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bufio/adaptor_state.h"
#include "bufio/window.h"
#include "uring/check.h"
#include "uring/ref.h"
#include "uring/status.h"

namespace bufio {
namespace {

constexpr size_t kOutput = size_t{128} << 10;
constexpr uint64_t kRatioCounts = uint64_t{16} << 20;

class DecompressState final : public AdaptorState {
 public:
  DecompressState(ParentHandle parent, std::unique_ptr<Decompressor> decompressor,
                  const DecompressOptions& options)
      : AdaptorState(uring::Ref<uring::RingCore>(parent.state().ring()), options_of(parent.state())),
        options_(options),
        decompressor_(std::move(decompressor)),
        name_(absl::StrCat(uring::as_absl(parent.state().name()), " (",
                           uring::as_absl(decompressor_->format()), ")")),
        parent_(*this, input_, std::move(parent)) {
    parent_.lend();
  }

  std::string_view name() const override { return name_; }
  ReaderStats stats() const override;
  bool quiesce() override { return parent_.quiesce(); }
  bool keeps_descriptor() const override { return true; }
  uring::Ref<uring::Descriptor> take_descriptor() override { return parent_.take_descriptor(); }
  void retire() override { parent_.let_go(); }

 private:
  // Whether the loop of supply() goes on.
  enum class Next : uint8_t { kAgain, kInput, kDone };

  Supply supply() override;
  Next look_for_member();
  Next pass_trailing();
  Next decode();
  Next fail(absl::Status status);
  void stream_ended();
  void parent_ready() override {
    wants_input_ = false;
    progress();
  }
  void call_left() override { parent_.pause(); }

  DecompressOptions options_;
  std::unique_ptr<Decompressor> decompressor_;
  std::string name_;
  Window input_;  // the parent's bytes; its pos() counts those that were decoded
  ParentReader parent_;
  uint64_t produced_ = 0;
  uint64_t members_ = 0;      // begun
  bool inside_ = false;       // a member
  bool more_output_ = false;  // the decoder may have some without more input
  bool wants_input_ = false;
};

ReaderStats DecompressState::stats() const {
  ReaderStats stats = parent_.parent().stats();
  stats.copied_bytes += window().copied_bytes() + input_.copied_bytes();
  return stats;
}

ReaderState::Supply DecompressState::supply() {
  for (;;) {
    if (wants_input_) {
      if (parent_.ended()) {
        stream_ended();
        return Supply::kMore;
      }
      switch (parent_.fill(parent_.parent().max_buffer_size())) {
        case ParentReader::Filled::kLater:
          return Supply::kLater;
        case ParentReader::Filled::kFailed:
          return Supply::kMore;
        case ParentReader::Filled::kMore:
          wants_input_ = false;
          break;
      }
    }
    switch (inside_ ? decode() : look_for_member()) {
      case Next::kAgain:
        break;
      case Next::kInput:
        wants_input_ = true;
        break;
      case Next::kDone:
        return Supply::kMore;
    }
  }
}

DecompressState::Next DecompressState::fail(absl::Status status) {
  set_error(uring::annotate(status, absl::StrCat(where(), ", compressed offset ", input_.pos())));
  return Next::kDone;
}

// Between two members, or in front of the first.
DecompressState::Next DecompressState::look_for_member() {
  const std::string_view bytes = input_.view();
  Decompressor::Head head =
      bytes.empty() ? Decompressor::Head::kTooShort : decompressor_->look_at(bytes);
  if (head == Decompressor::Head::kTooShort) {
    if (!parent_.ended()) return Next::kInput;
    if (bytes.empty() || members_ == 0) {
      stream_ended();
      return Next::kDone;
    }
    head = Decompressor::Head::kOther;
  }
  if (head == Decompressor::Head::kMember) {
    absl::Status status = decompressor_->begin();
    if (!status.ok()) return fail(std::move(status));
    inside_ = true;
    ++members_;
    return Next::kAgain;
  }
  if (members_ == 0) {
    return fail(absl::InvalidArgumentError(
        absl::StrCat("not in ", uring::as_absl(decompressor_->format()), " format")));
  }
  return pass_trailing();
}

DecompressState::Next DecompressState::pass_trailing() {
  const std::string_view bytes = input_.view();
  if (options_.trailing == Trailing::kLeave) {
    set_ended(true);
    return Next::kDone;
  }
  if (options_.trailing == Trailing::kZeros && bytes.front() == '\0') {
    input_.consume(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    return Next::kAgain;
  }
  return fail(absl::InvalidArgumentError(
      absl::StrCat("trailing bytes that are no ", uring::as_absl(decompressor_->format()))));
}

DecompressState::Next DecompressState::decode() {
  if (input_.available() == 0 && !more_output_) return Next::kInput;
  // Beyond the limit nothing but the member's end may come; a byte tells.
  char beyond = 0;
  const uint64_t left = options_.max_output - std::min(produced_, options_.max_output);
  Window::Target target;
  std::span<char> out(&beyond, 1);
  if (left > 0) {
    const size_t limit = buffer_limit();
    const size_t room = limit - std::min(limit - 1, window().available());
    const auto wanted = static_cast<size_t>(std::min<uint64_t>({kOutput, room, left}));
    target =
        window().prepare(buffers(), BufferKind::kHeap, uring::Pages::kOrdinary, wanted, wanted);
    out = std::span<char>(target.buffer->data() + target.offset, target.length);
  }
  Decompressor::Step step = decompressor_->run(input_.view(), out);
  URING_CHECK(step.consumed <= input_.available() && step.produced <= out.size(),
              "a Decompressor took or gave more than there was");
  input_.consume(step.consumed);
  more_output_ = step.produced == out.size() && !step.ended;
  if (step.produced > 0 && left == 0) {
    return fail(absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.max_output, " bytes come out")));
  }
  if (step.produced > 0) {
    window().append(target.buffer, target.offset, step.produced, buffers());
    produced_ += step.produced;
  }
  if (!step.status.ok()) return fail(std::move(step.status));
  if (produced_ > kRatioCounts && produced_ / options_.max_ratio > input_.pos()) {
    return fail(absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.max_ratio, " bytes come out for one that goes in")));
  }
  if (step.ended) {
    inside_ = false;
    if (!options_.concatenated) {
      set_ended(true);
      return Next::kDone;
    }
  }
  if (step.produced > 0) return Next::kDone;
  if (step.ended || (step.consumed > 0 && input_.available() > 0)) return Next::kAgain;
  more_output_ = false;
  return Next::kInput;
}

// The parent has no more bytes.
void DecompressState::stream_ended() {
  if (!parent_.error().ok()) return set_error(parent_.error());
  if (!inside_ && members_ > 0) return set_ended(true);
  fail(absl::DataLossError("the compressed stream is cut off"));
}

}  // namespace

Reader decompress(ParentHandle parent, std::unique_ptr<Decompressor> decompressor,
                  const DecompressOptions& options) {
  return Reader(
      uring::make_ref<DecompressState>(std::move(parent), std::move(decompressor), options));
}

}  // namespace bufio
