#include "bufio/narrowing_state.h"

#include <utility>

namespace bufio {

NarrowingState::NarrowingState(ParentHandle parent)
    : AdaptorState(uring::Ref<uring::RingCore>(parent.state().ring()), options_of(parent.state())),
      parent_(*this, window(), std::move(parent)) {
  window().clear(parent_.parent().window().pos());
}

void NarrowingState::start() {
  parent_.lend();
  settle();
}

ReaderStats NarrowingState::stats() const {
  ReaderStats stats = parent_.parent().stats();
  stats.copied_bytes += window().copied_bytes();
  return stats;
}

ReaderState::Supply NarrowingState::supply() {
  switch (parent_.fill(parent_limit())) {
    case ParentReader::Filled::kLater:
      return Supply::kLater;
    case ParentReader::Filled::kMore:
      settle();
      break;
    case ParentReader::Filled::kFailed:
      break;
  }
  return Supply::kMore;
}

void NarrowingState::parent_ready() {
  settle();
  progress();
}

void NarrowingState::settle() {
  if (!parent_.ended()) return;
  set_error(parent_.error());
  set_ended(true);
}

// What was not consumed goes, so this is not how the bytes end.
void NarrowingState::parent_gone() {
  if (window().available() > 0) set_ended(false);
}

uring::Ref<uring::Descriptor> NarrowingState::take_descriptor() {
  return parent_.take_descriptor();
}

void NarrowingState::retire() {
  if (releasing_) window().consume(window().available());
  leaving();
  parent_.let_go();
}

}  // namespace bufio
