#include "bufio/testing/check_source_contract.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/when_any.h"

namespace bufio::testing {
namespace {

enum class Call : uint32_t { kFillBuf, kFillMore, kRequire, kReadExact, kReadUntil, kSkip, kCount };
constexpr const char* kNames[] = {"fill_buf",   "fill_more",  "require",
                                  "read_exact", "read_until", "skip"};

absl::Status wrong(std::string_view what) { return absl::InternalError(uring::as_absl(what)); }

// One Reader, and what it has to give still.
class Walk {
 public:
  Walk(uring::Ring& ring, Reader reader, std::string_view bytes, uint64_t seed,
       const SourceContractOptions& options)
      : ring_(ring),
        reader_(std::move(reader)),
        start_(reader_.pos()),
        bytes_(bytes),
        options_(options),
        choices_(seed) {}

  uring::Task<absl::Status> run() {
    const size_t most = 100 + 20 * bytes_.size();
    for (size_t calls = 0; !rest().empty() || calls < 10; ++calls) {
      if (calls > most) co_return wrong("the stream does not get on");
      const auto call = static_cast<Call>(choices_.below(static_cast<uint32_t>(Call::kCount)));
      const size_t size = 1 + below(choices_.one_in(2) ? 8 : options_.max_call);
      absl::Status status = co_await one(call, size);
      if (status.ok()) status = look();
      if (!status.ok()) {
        co_return uring::annotate(
            status, absl::StrCat(kNames[static_cast<uint32_t>(call)], "(", size, ") at byte ",
                                 reader_.pos() - start_, " of ", bytes_.size()));
      }
      reader_.consume(below(reader_.available() + 1));
    }
    for (int i = 0; i < 2; ++i) {
      absl::Status status = co_await end();
      if (!status.ok()) co_return status;
    }
    co_return absl::OkStatus();
  }

 private:
  size_t below(size_t n) {
    return choices_.below(static_cast<uint32_t>(std::min<size_t>(n, UINT32_MAX)));
  }
  std::string_view rest() const {
    return bytes_.substr(
        std::min<size_t>(static_cast<size_t>(reader_.pos() - start_), bytes_.size()));
  }
  bool ends_well() const { return options_.end == absl::StatusCode::kOk; }

  // What holds between any two calls.
  absl::Status look() const {
    if (reader_.pos() - start_ > bytes_.size()) return wrong("more bytes than there are");
    if (!rest().starts_with(reader_.buffered())) return wrong("what is buffered is something else");
    return absl::OkStatus();
  }

  uring::Task<absl::Status> end() {
    absl::StatusOr<std::string_view> view = co_await reader_.fill_buf();
    if (view.status().code() != options_.end) {
      co_return wrong(absl::StrCat("behind the last byte: ", view.status().ToString()));
    }
    if (view.ok() && !view->empty()) co_return wrong("bytes behind the last byte");
    co_return absl::OkStatus();
  }

  // The call, perhaps given up first, perhaps with a deadline that has passed.
  uring::Task<absl::Status> one(Call call, size_t size) {
    // What skip() has passed over when it is given up, only pos() knows.
    const uint32_t how = call == Call::kSkip ? 0 : choices_.below(4);
    if (how == 1) {
      auto first = co_await uring::when_any(make(call, size), pause(1 + below(3)));
      if (first.index() == 0) co_return std::get<0>(std::move(first));
    } else if (how == 2) {
      reader_.set_deadline(std::chrono::steady_clock::time_point());
      absl::Status status = co_await make(call, size);
      reader_.clear_deadline();
      if (!absl::IsDeadlineExceeded(status)) co_return status;
    }
    co_return co_await make(call, size);
  }
  uring::Task<void> pause(size_t turns) {
    for (size_t i = 0; i < turns; ++i) co_await uring::yield(ring_);
  }
  uring::Task<absl::Status> make(Call call, size_t size) {
    switch (call) {
      case Call::kFillBuf:
        return fill_buf(size);
      case Call::kFillMore:
        return fill_more(size);
      case Call::kRequire:
        return require(size);
      case Call::kReadExact:
        return read_exact(size);
      case Call::kReadUntil:
        return read_until();
      case Call::kSkip:
      case Call::kCount:
        break;
    }
    return skip(size);
  }

  // Whether a call that failed was right to: the bytes do not reach, and this is the code for that.
  absl::Status failed(const absl::Status& status, bool within_reach, absl::StatusCode code) const {
    if (absl::IsDeadlineExceeded(status)) return status;
    if (!ends_well()) code = options_.end;
    if (!within_reach && status.code() == code && code != absl::StatusCode::kOk) {
      return absl::OkStatus();
    }
    return wrong(absl::StrCat("fails: ", status.ToString()));
  }
  absl::Status check_view(std::string_view view, size_t least) const {
    if (!rest().starts_with(view)) return wrong("the view is something else");
    if (view.size() >= least) return absl::OkStatus();
    if (!ends_well() || view.size() != rest().size()) return wrong("the view is too short");
    return absl::OkStatus();
  }

  uring::Task<absl::Status> fill_buf(size_t least) {
    absl::StatusOr<std::string_view> view = co_await reader_.fill_buf(least);
    if (!view.ok()) {
      co_return failed(view.status(), least <= rest().size(), absl::StatusCode::kOk);
    }
    co_return check_view(*view, least);
  }
  uring::Task<absl::Status> fill_more(size_t extra) {
    const size_t least = reader_.available() + extra;
    absl::StatusOr<std::string_view> view = co_await reader_.fill_more(extra);
    if (absl::IsResourceExhausted(view.status()) && least > options_.max_call) {
      co_return absl::OkStatus();
    }
    if (!view.ok()) {
      co_return failed(view.status(), least <= rest().size(), absl::StatusCode::kOk);
    }
    co_return check_view(*view, least);
  }
  uring::Task<absl::Status> require(size_t size) {
    const absl::StatusCode code =
        rest().empty() ? absl::StatusCode::kOutOfRange : absl::StatusCode::kDataLoss;
    absl::StatusOr<std::string_view> view = co_await reader_.require(size);
    if (!view.ok()) co_return failed(view.status(), size <= rest().size(), code);
    if (*view != rest().substr(0, size)) co_return wrong("the view is something else");
    co_return absl::OkStatus();
  }
  uring::Task<absl::Status> read_exact(size_t size) {
    const std::string_view before = rest();
    const absl::StatusCode code =
        before.empty() ? absl::StatusCode::kOutOfRange : absl::StatusCode::kDataLoss;
    std::string into(size, '\0');
    absl::Status status = co_await reader_.read_exact(std::span<char>(into.data(), into.size()));
    if (!status.ok()) co_return failed(status, size <= before.size(), code);
    if (into != before.substr(0, size)) co_return wrong("other bytes");
    if (rest() != before.substr(size)) co_return wrong("another number of bytes was consumed");
    co_return absl::OkStatus();
  }
  // Up to a byte that is near.
  uring::Task<absl::Status> read_until() {
    const std::string_view before = rest();
    const std::string_view near = before.substr(0, options_.max_call);
    const std::string delimiter(1, near.empty() ? 'x' : near[near.size() / 2]);
    absl::StatusOr<Token> token = co_await reader_.read_until(delimiter, {.keep_delimiter = true});
    if (!token.ok()) co_return failed(token.status(), !near.empty(), absl::StatusCode::kOk);
    if (near.empty()) {
      co_return token->has_value() ? wrong("a token behind the end") : absl::OkStatus();
    }
    const size_t size = before.find(delimiter) + 1;
    if (!token->has_value() || **token != before.substr(0, size)) co_return wrong("another token");
    if (rest() != before.substr(size)) co_return wrong("another number of bytes was consumed");
    co_return absl::OkStatus();
  }
  uring::Task<absl::Status> skip(size_t size) {
    const std::string_view before = rest();
    absl::StatusOr<uint64_t> count = co_await reader_.skip(size);
    if (!count.ok()) co_return failed(count.status(), size <= before.size(), absl::StatusCode::kOk);
    if (*count != std::min(size, before.size())) co_return wrong("passes over too few bytes");
    if (rest() != before.substr(static_cast<size_t>(*count))) {
      co_return wrong("another number of bytes was consumed");
    }
    co_return absl::OkStatus();
  }

  uring::Ring& ring_;
  Reader reader_;
  uint64_t start_;
  std::string_view bytes_;
  const SourceContractOptions& options_;
  uring::testing::SeededChoices choices_;
};

}  // namespace

absl::Status check_source_contract(uring::Ring& ring, absl::FunctionRef<Reader()> make,
                                   std::string_view bytes, const SourceContractOptions& options) {
  for (size_t i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.first_seed + i;
    Walk walk(ring, make(), bytes, seed, options);
    const absl::Status status = uring::block_on(ring, walk.run());
    if (!status.ok()) return uring::annotate(status, absl::StrCat("seed ", seed));
  }
  return absl::OkStatus();
}

}  // namespace bufio::testing
