#include "bufio/parse/csv.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "uring/check.h"

namespace bufio {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// Shorter ones are not worth a run.
constexpr size_t kSmallestRun = 64;
// What a search for the end of one record begins with; twice as much each time.
constexpr size_t kFirstSearch = 128;

int quote_of(const CsvOptions& options) {
  return options.quote.has_value() ? static_cast<unsigned char>(*options.quote) : -1;
}
char newline_of(const CsvOptions& options) {
  return options.newline == CsvNewline::kCr ? '\r' : '\n';
}

}  // namespace

void CsvColumns::assign(std::span<const std::string_view> names) {
  names_.assign(names.begin(), names.end());
  sorted_.resize(names_.size());
  std::iota(sorted_.begin(), sorted_.end(), 0U);
  std::sort(sorted_.begin(), sorted_.end(), [this](uint32_t a, uint32_t b) {
    return std::tie(names_[a], a) < std::tie(names_[b], b);
  });
}

std::optional<size_t> CsvColumns::find(std::string_view name) const {
  const auto at = std::lower_bound(
      sorted_.begin(), sorted_.end(), name,
      [this](uint32_t index, std::string_view wanted) { return names_[index] < wanted; });
  if (at == sorted_.end() || names_[*at] != name) return std::nullopt;
  return *at;
}

std::optional<std::string_view> CsvRecord::get(std::string_view column) const {
  const std::optional<size_t> index = columns_->find(column);
  if (!index.has_value() || *index >= fields_.size()) return std::nullopt;
  return fields_[*index];
}

CsvParser::CsvParser(CsvOptions options)
    : options_(options),
      index_(options.separator, quote_of(options), newline_of(options)),
      quote_(quote_of(options)),
      newline_(newline_of(options)),
      header_due_(options.header) {
  URING_CHECK(options.separator != newline_ && options.separator != quote_ && newline_ != quote_,
              "CSV needs three different characters");
}

ParseError CsvParser::error(Fields what, size_t at) const {
  const std::string where = absl::StrCat("record ", records_ + 1, ": ");
  switch (what) {
    case Fields::kTooMany:
      return ParseError(absl::ResourceExhaustedError(absl::StrCat(
                            where, "more fields than the allowed ", options_.max_fields)),
                        at);
    case Fields::kRagged:
      return ParseError(
          absl::InvalidArgumentError(absl::StrCat(where, count_, " fields instead of ", width_)),
          at);
    case Fields::kJunk:
    case Fields::kFine:
      break;
  }
  return ParseError(absl::InvalidArgumentError(absl::StrCat(
                        where, "a quote neither around a field nor doubled within quotes")),
                    at);
}

// The bytes of lines in front that have nothing in them.
size_t CsvParser::empty_lines(std::string_view view) const {
  size_t at = 0;
  for (;;) {
    if (at < view.size() && view[at] == newline_) {
      ++at;
    } else if (newline_ == '\n' && view.substr(at, 2) == "\r\n") {
      at += 2;
    } else {
      return at;
    }
  }
}

// What stands in front of a record.
std::optional<ParseResult<CsvRecord>> CsvParser::pass_over(std::string_view view, bool final) {
  if (!begun_ && options_.skip_byte_order_mark) {
    if (view.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
      begun_ = true;
      return Skip(kByteOrderMark.size());
    }
    if (!final && kByteOrderMark.starts_with(view)) return NeedMore(0, view.size() + 1);
  }
  if (!options_.skip_empty_lines) return std::nullopt;
  if (const size_t empty = empty_lines(view); empty > 0) {
    begun_ = true;
    return Skip(empty);
  }
  if (newline_ == '\n' && view == "\r") {
    if (final) return Skip(1);
    return NeedMore(0, 2);
  }
  return std::nullopt;
}

ParseResult<CsvRecord> CsvParser::parse(std::string_view view, size_t examined, bool final) {
  if (view.empty()) return NeedMore();
  if (examined == 0) {
    if (auto passed = pass_over(view, final); passed.has_value()) return *std::move(passed);
  }
  if (examined == 0 || examined != progress_.examined) progress_ = Progress();
  ends_.resize(progress_.ends);
  const size_t known = examined == progress_.examined ? examined : 0;
  Progress now = progress_;
  size_t search = kFirstSearch;
  for (size_t at = known; at < view.size(); search *= 2) {
    const auto found = index_.find(view.substr(at, std::min(search, CsvIndex::kMaxBytes)),
                                   now.state, found_.data());
    now.escapes = now.escapes || found.escapes;
    for (size_t i = 0; i < found.count; ++i) {
      const size_t end = at + found_[i];
      if (ends_.size() >= options_.max_fields) return error(Fields::kTooMany, end);
      ends_.push_back(end);
      if (view[end] != newline_) continue;
      return finish(view, end + 1, now.escapes);
    }
    at += found.bytes;
    if (found.misplaced) return error(Fields::kJunk, at);
  }
  if (view.size() > options_.max_record) {
    return ParseError(absl::ResourceExhaustedError(absl::StrCat(
        "record ", records_ + 1, ": more than the allowed ", options_.max_record, " bytes")));
  }
  if (final && now.state.in_quotes == 0) {
    if (ends_.size() >= options_.max_fields) return error(Fields::kTooMany, view.size());
    ends_.push_back(view.size());
    return finish(view, view.size(), now.escapes);
  }
  now.examined = view.size();
  now.ends = ends_.size();
  progress_ = now;
  return NeedMore(view.size());
}

// A record of `ends_`, whose `consumed` bytes are all there.
ParseResult<CsvRecord> CsvParser::finish(std::string_view view, size_t consumed, bool escapes) {
  if (consumed > options_.max_record) {
    return ParseError(absl::ResourceExhaustedError(
        absl::StrCat("record ", records_ + 1, ": ", consumed, " bytes, more than the allowed ",
                     options_.max_record)));
  }
  begin_record();
  const char* start = view.data();
  for (const size_t& end : ends_) {
    if (!add(start, view.data() + end, &end == &ends_.back(), escapes)) {
      return error(Fields::kJunk, end);
    }
    start = view.data() + end + 1;
  }
  if (const Fields fields = end_record(); fields != Fields::kFine) return error(fields, 0);
  begun_ = true;
  if (header_due_) {
    header_due_ = false;
    columns_.assign({fields_.data(), count_});
    accepted();
    return Skip(consumed);
  }
  return {record(records_ + 1), consumed};
}

void CsvParser::accepted() {
  ++records_;
  if (width_ == 0) width_ = count_;
}

void CsvParser::begin_record() {
  count_ = 0;
  escaped_.clear();
}

// The field from `start` to `end`; false if something stands behind its closing quote.
inline bool CsvParser::add(const char* start, const char* end, bool last, bool escapes) {
  if (last && end != start && end[-1] == '\r' && newline_ == '\n') --end;
  if (start != end && static_cast<unsigned char>(*start) == quote_) {
    // The index has seen to it that a quote within is an escaped one, or the closing one.
    if (end - start < 2 || static_cast<unsigned char>(end[-1]) != quote_) return false;
    ++start;
    --end;
    if (escapes && start != end &&
        std::memchr(start, quote_, static_cast<size_t>(end - start)) != nullptr) {
      escaped_.push_back(static_cast<uint32_t>(count_));
    }
  }
  if (count_ == fields_.size()) [[unlikely]] {
    fields_.resize(std::max<size_t>(16, 2 * count_));
  }
  fields_[count_++] = {start, static_cast<size_t>(end - start)};
  return true;
}

// All fields are there.
CsvParser::Fields CsvParser::end_record() {
  if (!escaped_.empty()) [[unlikely]] {
    unescape();
  }
  if (width_ == 0 || count_ == width_ || options_.ragged == CsvRagged::kAllow) {
    return Fields::kFine;
  }
  if (options_.ragged == CsvRagged::kError || count_ > width_) return Fields::kRagged;
  if (fields_.size() < width_) fields_.resize(width_);
  while (count_ < width_) fields_[count_++] = {};
  return Fields::kFine;
}

void CsvParser::unescape() {
  size_t most = 0;
  for (uint32_t i : escaped_) most += fields_[i].size();
  if (scratch_.size() < most) scratch_.resize(most);
  char* out = scratch_.data();
  for (uint32_t i : escaped_) {
    std::string_view left = fields_[i];
    char* start = out;
    while (!left.empty()) {
      const void* quote = std::memchr(left.data(), quote_, left.size());
      const size_t size =
          quote == nullptr ? left.size()
                           : static_cast<size_t>(static_cast<const char*>(quote) - left.data()) + 1;
      std::memcpy(out, left.data(), size);
      out += size;
      left.remove_prefix(std::min(left.size(), quote == nullptr ? size : size + 1));
    }
    fields_[i] = {start, static_cast<size_t>(out - start)};
  }
}

// A run needs to know the width, and has parse() deal with what stands in front of the first one.
bool CsvParser::begin_run(std::string_view view) {
  if (width_ == 0 || view.size() < kSmallestRun) return false;
  const char* begin = view.data();
  run_ = Run{.view = begin,
             .limit = begin + view.size(),
             .base = begin,
             .scanned = begin,
             .record = begin,
             .field = begin,
             .taken = 0,
             .found = {},
             .escapes = false,
             .state = {}};
  begin_record();
  return true;
}

// Goes on to the end of the next record; false where the run ends.
bool CsvParser::next_of_run(MessageRun& run) {
  begin_record();
  const char newline = newline_;
  const int quote = quote_;
  for (;;) {
    // Kept here, and not read or written for each field.
    const char* const base = run_.base;
    const size_t found = run_.found.count;
    const char* field = run_.field;
    size_t count = count_;
    size_t taken = run_.taken;
    std::string_view* fields = fields_.data();
    size_t room = fields_.size();
    while (taken != found) {
      const char* start = field;
      const char* end = base + found_[taken++];
      field = end + 1;
      if (count == room) [[unlikely]] {
        if (count >= options_.max_fields) return false;
        room = std::max<size_t>(16, 2 * count);
        fields_.resize(room);
        fields = fields_.data();
      }
      fields[count++] = {start, static_cast<size_t>(end - start)};
      const bool last = *end == newline;
      if (static_cast<unsigned char>(*start) == quote || last) {
        count_ = count - 1;
        if (!add(start, end, last, run_.escapes)) return false;
        if (!last) continue;
        run_.field = field;
        run_.taken = taken;
        if (!end_of_record(run)) return false;
        if (count_ > 0) return true;
        count = 0;
      }
    }
    run_.field = field;
    run_.taken = taken;
    count_ = count;
    if (run_.found.misplaced || run_.scanned == run_.limit) return false;
    // Of a field that began further in front.
    const bool escapes = run_.escapes && run_.field != run_.scanned;
    const std::string_view left(run_.scanned, static_cast<size_t>(run_.limit - run_.scanned));
    run_.base = run_.scanned;
    run_.taken = 0;
    run_.found = index_.find(left, run_.state, found_.data());
    run_.escapes = escapes || run_.found.escapes;
    run_.scanned += run_.found.bytes;
  }
}

// A record that is complete: false if it is not for a run; no fields if it was an empty line.
bool CsvParser::end_of_record(MessageRun& run) {
  const auto size = static_cast<size_t>(run_.field - run_.record);
  if (options_.skip_empty_lines && size <= 2 && count_ == 1 && fields_[0].empty()) [[unlikely]] {
    begin_record();
  } else {
    const bool fits =
        size <= std::min(run.max_message, options_.max_record) && count_ <= options_.max_fields;
    if (!fits || end_record() != Fields::kFine) return false;
    ++run.count;
    ++records_;
  }
  run_.record = run_.field;
  run.consumed = static_cast<size_t>(run_.record - run_.view);
  return true;
}

}  // namespace bufio
