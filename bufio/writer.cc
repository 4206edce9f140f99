#include "bufio/writer.h"

namespace bufio {

Writer& Writer::operator=(Writer&& other) noexcept {
  if (this != &other) {
    if (state_) state_->writer_gone();
    state_ = std::move(other.state_);
  }
  return *this;
}

Writer::~Writer() {
  if (state_) state_->writer_gone();
}

}  // namespace bufio
