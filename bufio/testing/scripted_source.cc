#include "bufio/testing/scripted_source.h"

#include <algorithm>
#include <coroutine>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/check.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace bufio::testing {
namespace {

class ScriptedSource final : public Source {
 public:
  ScriptedSource(uring::Ring* ring, Script script) : ring_(ring), script_(std::move(script)) {}

  std::string_view name() const override { return "scripted source"; }

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    for (; next_ < script_.steps().size(); ++next_) {
      const Script::Step& step = script_.steps()[next_];
      for (; waited_ < step.turns; ++waited_) co_await uring::yield(*ring_);
      if (step.hangs) co_await std::suspend_always();
      if (!step.error.ok()) co_return step.error;
      const size_t size = std::min(into.size(), step.bytes.size() - given_);
      if (size > 0) {
        std::copy_n(step.bytes.data() + given_, size, into.data());
        given_ += size;
        co_return size;
      }
      waited_ = given_ = 0;
    }
    co_return size_t{0};
  }

 private:
  uring::Ring* ring_;
  Script script_;
  size_t next_ = 0;
  size_t waited_ = 0;
  size_t given_ = 0;
};

class StrictSource final : public Source {
 public:
  explicit StrictSource(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  std::string_view name() const override { return source_->name(); }

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    URING_CHECK(!over_, "a source was asked again after its end or its error");
    URING_CHECK(!asked_, "a source was asked again while it was being asked");
    URING_CHECK(!into.empty(), "a source was asked for no bytes");
    asked_ = true;
    absl::StatusOr<size_t> count = co_await source_->read(into);
    asked_ = false;
    over_ = !count.ok() || *count == 0;
    URING_CHECK(!count.ok() || *count <= into.size(), "a source gave more than was asked for");
    co_return count;
  }

 private:
  std::unique_ptr<Source> source_;
  bool asked_ = false;
  bool over_ = false;
};

}  // namespace

Script::Script(const Split& split) {
  for (size_t i = 0; i < split.pieces(); ++i) chunk(split.piece(i));
}

Script Script::stalling(const Split& split, size_t turns) {
  Script script;
  for (size_t i = 0; i < split.pieces(); ++i) script.stall(turns).chunk(split.piece(i));
  script.stall(turns);
  return script;
}

Script Script::error_after(std::string_view text, size_t n, absl::Status error) {
  Script script;
  if (n > 0) script.chunk(text.substr(0, n));
  script.fail(std::move(error));
  return script;
}

Script& Script::chunk(std::string_view bytes) {
  URING_CHECK(!bytes.empty(), "an empty chunk");
  steps_.push_back({.bytes = std::string(bytes)});
  return *this;
}

Script& Script::stall(size_t turns) {
  steps_.push_back({.turns = turns});
  return *this;
}

Script& Script::hang() {
  steps_.push_back({.hangs = true});
  return *this;
}

Script& Script::fail(absl::Status error) {
  URING_CHECK(!error.ok(), "a failure that is OK");
  steps_.push_back({.error = std::move(error)});
  return *this;
}

bool Script::waits() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const Step& step) { return step.turns > 0 || step.hangs; });
}

std::unique_ptr<Source> scripted(const Split& split) { return scripted(Script(split)); }

std::unique_ptr<Source> scripted(Script script) {
  URING_CHECK(!script.waits(), "a script that waits needs a Ring");
  return strict(std::make_unique<ScriptedSource>(nullptr, std::move(script)));
}

std::unique_ptr<Source> scripted(uring::Ring& ring, Script script) {
  return strict(std::make_unique<ScriptedSource>(&ring, std::move(script)));
}

std::unique_ptr<Source> strict(std::unique_ptr<Source> source) {
  return std::make_unique<StrictSource>(std::move(source));
}

}  // namespace bufio::testing
