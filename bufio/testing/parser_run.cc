#include "bufio/testing/parser_run.h"

#include <algorithm>

#include "uring/status.h"

namespace bufio::testing {

ParserFeed::ParserFeed(const Split& split, RunOptions options, ParserRun& run)
    : split_(split), options_(options), run_(run), memory_(options.padded) {
  final_ = options.end_with_data && split.pieces() == 0;
}

bool ParserFeed::next() {
  while (!over_) {
    const uint64_t step = std::min(skip_, end_ - pos_);
    pos_ += step;
    skip_ -= step;
    if (skip_ > 0) {
      if (!arrive()) stop(absl::DataLossError("it ends within a message"), end_);
      continue;
    }
    const uint64_t size = end_ - pos_;
    if (final_ && size == 0 && told_end_) return false;
    if (final_ || (size > seen_ && size >= need_)) {
      ++run_.calls;
      return true;
    }
    arrive();
  }
  return false;
}

// The next piece, or the end. False: that has been said already.
bool ParserFeed::arrive() {
  if (final_) return false;
  if (next_piece_ < split_.pieces()) {
    end_ += split_.piece(next_piece_++).size();
    final_ = options_.end_with_data && next_piece_ == split_.pieces();
  } else {
    final_ = true;
  }
  return true;
}

bool ParserFeed::use(ParseKind kind, size_t consumed, size_t examined, size_t need, uint64_t skip,
                     const absl::Status& status) {
  const auto size = static_cast<size_t>(end_ - pos_);
  if (consumed > size || examined > size) {
    return broken("the parser consumed or examined more than it was shown");
  }
  uint64_t looked_at = size;
  if (kind == ParseKind::kValue) looked_at = consumed;
  if (kind == ParseKind::kError) looked_at = examined;
  if (kind == ParseKind::kSkip) looked_at = std::min<uint64_t>(skip, size);
  run_.looked_at += std::max<uint64_t>(looked_at, examined_) - examined_;
  switch (kind) {
    case ParseKind::kValue:
      return take_value(consumed);
    case ParseKind::kMore:
      want_more(consumed, examined, need);
      return false;
    case ParseKind::kSkip:
      if (skip == 0) return broken("the parser makes no progress");
      skip_ = skip;
      examined_ = seen_ = need_ = 0;
      return false;
    case ParseKind::kError:
      if (status.ok()) return broken("the parser's error is OK");
      return stop(status, pos_ + examined);
  }
  return false;
}

bool ParserFeed::take_value(size_t consumed) {
  const bool at_end = final_ && pos_ == end_;
  if (consumed == 0 && !at_end) {
    return broken("the parser makes no progress");
  }
  pos_ += consumed;
  told_end_ = at_end;
  examined_ = seen_ = need_ = 0;
  inside_ = repeated_ = false;
  return true;
}

void ParserFeed::want_more(size_t consumed, size_t examined, size_t need) {
  const auto size = static_cast<size_t>(end_ - pos_);
  if (final_ && consumed == 0) {
    over_ = true;
    if (size > 0 || inside_) stop(absl::DataLossError("it ends within a message"), end_);
    return;
  }
  pos_ += consumed;
  inside_ = inside_ || consumed > 0;
  examined_ = std::max(examined, consumed) - consumed;
  // Nobody remembers what was needed for a caller that comes again.
  repeated_ = options_.ask_twice && !repeated_;
  seen_ = repeated_ ? 0 : size - consumed;
  need_ = repeated_ || need <= consumed ? 0 : need - consumed;
}

bool ParserFeed::stop(absl::Status status, uint64_t offset) {
  over_ = true;
  run_.status = std::move(status);
  run_.offset = offset;
  return false;
}

bool ParserFeed::broken(std::string_view rule) {
  run_.broken = true;
  return stop(absl::InternalError(uring::as_absl(rule)), pos_);
}

void ParserFeed::add(std::string value) { run_.messages.push_back({std::move(value), pos_}); }

void ParserFeed::not_repeated() {
  broken("asked again about the same bytes, the parser answers something else");
}

}  // namespace bufio::testing
