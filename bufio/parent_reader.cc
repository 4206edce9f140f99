#include "bufio/parent_reader.h"

#include <algorithm>
#include <utility>

namespace bufio {

ParentReader::ParentReader(AdaptorState& adaptor, Window& window, ParentHandle parent)
    : FillRequest(parent.state()),
      adaptor_(adaptor),
      window_(window),
      parent_(&parent.state()),
      owned_(parent.take()) {
  static_cast<void>(hold());
}

ParentReader::~ParentReader() = default;

// --- the window ----------------------------------------------------------------------------------

void ParentReader::lend() {
  if (lent_ || !holds() || parent_->closed()) return;
  lent_ = true;
  Window& window = parent_->window();
  window.lend(window_, adaptor_.shown(window.view().substr(kept_)), kept_);
  adaptor_.window_lent();
}

void ParentReader::give_window_back() {
  if (!lent_) return;
  adaptor_.reclaim_window();
  kept_ = adaptor_.kept();
  parent_->window().take_back(window_, kept_);
  lent_ = false;
}

void ParentReader::reader_gone() {
  adaptor_.give_window_up();
  adaptor_.parent_gone();
  last_ = window_.buffer();
  give_window_back();
  window_.hold_from(UINT64_MAX);
}

// --- calls ---------------------------------------------------------------------------------------

size_t ParentReader::buffer_limit() const { return std::max(limit_, had_ + 1); }

bool ParentReader::satisfied() {
  give_window_back();
  if (closing_) return parent_->quiesce();
  return parent_->window().available() > had_ || parent_->final();
}

// Has the parent serve us; true if it did so at once.
bool ParentReader::serve() {
  give_window_back();
  had_ = parent_->window().available();
  bool resume_at_once = begin();
  bool ended = resume_at_once || done();
  if (!ended) {
    // Its deadline may have passed.
    static_cast<void>(suspend({}));
    ended = done();
  }
  waiting_ = !ended;
  lend();
  if (ended && !resume_at_once) adaptor_.ask_for_turn();
  return ended;
}

ParentReader::Filled ParentReader::fill(size_t limit) {
  if (waiting_) return Filled::kLater;
  last_.reset();
  closing_ = false;
  limit_ = limit;
  if (!serve()) return Filled::kLater;
  absl::Status failure = take_failure();
  if (failure.ok()) return Filled::kMore;
  adaptor_.fail_call(std::move(failure));
  return Filled::kFailed;
}

void ParentReader::call_ended() {
  if (!waiting_) return;  // serve() looks for itself
  waiting_ = false;
  lend();
  absl::Status failure = take_failure();
  if (!failure.ok()) adaptor_.fail_call(std::move(failure));
  adaptor_.parent_ready();
}

void ParentReader::waits_on() {
  lend();
  adaptor_.lend_window_again();
}

void ParentReader::pause() {
  if (!waiting_) return;
  waiting_ = false;
  FillRequest::pause();
  lend();
}

uint64_t ParentReader::skip_ahead(uint64_t n) {
  if (!holds() || waiting_ || ended() || all() > 0) return 0;
  give_window_back();
  uint64_t passed = parent_->skip_ahead(n);
  if (passed > 0) window_.clear(window_.pos() + passed);
  lend();
  return passed;
}

// --- the end -------------------------------------------------------------------------------------

bool ParentReader::quiesce() {
  if (!owned_.has_value() || parent_->closed()) return true;
  if (waiting_) return false;
  closing_ = true;
  if (!serve()) return false;
  absl::Status failure = take_failure();
  if (!failure.ok()) adaptor_.fail_call(std::move(failure));
  return true;
}

uring::Ref<uring::Descriptor> ParentReader::take_descriptor() {
  if (!owned_.has_value()) return nullptr;
  give_window_back();
  return parent_->take_descriptor();
}

void ParentReader::let_go() {
  pause();
  give_window_back();
  detach();
  owned_.reset();
  last_.reset();
}

}  // namespace bufio
