#include "tests/simulate/reader_oracle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bufio::simulate {
namespace {

std::string unexpected(std::string_view call, const absl::Status& status) {
  return absl::StrCat(absl::string_view(call.data(), call.size()), ": ", status.ToString());
}

std::string compare_refusal(std::string_view call, const absl::Status& status, bool too_much) {
  return absl::IsResourceExhausted(status) && too_much ? "" : unexpected(call, status);
}

}  // namespace

std::string compare_fill(const absl::StatusOr<std::string_view>& view, size_t wanted,
                         const Situation& at) {
  if (!view.ok()) return compare_refusal("fill", view.status(), wanted > at.limit);
  if (*view != at.rest().substr(0, view->size())) return "fill: wrong bytes";
  const bool to_the_end = at.ended && view->size() == at.rest().size();
  return view->size() >= wanted || to_the_end ? "" : "fill: a short view that is not the end";
}

std::string compare_require(const absl::StatusOr<std::string_view>& view, size_t n,
                            const Situation& at) {
  if (view.ok()) {
    if (view->size() != n) return "require: not as many";
    return *view == at.rest().substr(0, n) ? "" : "require: wrong bytes";
  }
  const size_t left = at.rest().size();
  if (absl::IsOutOfRange(view.status())) {
    return left == 0 && n > 0 ? "" : "require: OutOfRange before the end";
  }
  if (absl::IsDataLoss(view.status())) {
    return left > 0 && left < n ? "" : "require: DataLoss though enough is there";
  }
  return compare_refusal("require", view.status(), n > at.limit);
}

std::string compare_token(const absl::StatusOr<Token>& token, std::string_view delimiter,
                          const ReadUntilOptions& options, const Situation& at) {
  const std::string_view rest = at.rest();
  const size_t where = rest.find(delimiter);
  const bool found = where != std::string_view::npos;
  const size_t length = found ? where + delimiter.size() : rest.size();
  const size_t most =
      options.max_length != 0 ? options.max_length + (found ? delimiter.size() : 0) : at.limit;
  // The end of a stream that fills the buffer exactly may not have been seen.
  const bool either = !found && length == most;
  if (!token.ok()) {
    if (at.pos_after != at.pos) return "read_until: consumed though there is no token";
    return compare_refusal("read_until", token.status(), length > most || either);
  }
  if (length == 0) return token->has_value() ? "read_until: a token behind the end" : "";
  if (!token->has_value()) return "read_until: no token";
  if (length > most && !either) return "read_until: a token that is too long";
  const size_t shown = found && !options.keep_delimiter ? where : length;
  if (**token != rest.substr(0, shown)) return "read_until: another token";
  return at.pos_after == at.pos + length ? "" : "read_until: consumed something else";
}

namespace {

// By one of two readings: a line starts at the cursor, or its start was truncated or skipped before
// and its rest is still to be dropped.
std::string compare_line_as(const absl::StatusOr<Token>& line, const LineOptions& options,
                            const Situation& at, bool dropping) {
  const size_t most =
      options.max_length != 0 ? options.max_length : std::max<size_t>(at.limit, 3) - 2;
  size_t start = std::min(static_cast<size_t>(at.pos), at.text.size());
  for (;;) {
    if (dropping) {
      const size_t newline = at.text.find('\n', start);
      start = newline == std::string_view::npos ? at.text.size() : newline + 1;
    }
    if (start == at.text.size()) {
      return line.ok() && !line->has_value() ? "" : "line: one behind the end";
    }
    const size_t newline = at.text.find('\n', start);
    const bool whole = newline != std::string_view::npos;
    const size_t end = whole ? newline : at.text.size();
    size_t payload = end - start;
    if (whole && payload > 0 && at.text[end - 1] == '\r') --payload;
    if (payload <= most) {
      const size_t behind = whole ? newline + 1 : at.text.size();
      const std::string_view shown =
          at.text.substr(start, options.keep_terminator ? behind - start : payload);
      if (!line.ok()) return unexpected("line", line.status());
      if (!line->has_value() || **line != shown) return "line: another one";
      return at.pos_after == behind ? "" : "line: consumed something else";
    }
    if (options.long_lines == LongLine::kError) {
      return absl::IsResourceExhausted(line.status()) && at.pos_after == start
                 ? ""
                 : "line: a long one was no error";
    }
    if (options.long_lines == LongLine::kTruncate) {
      const bool same = line.ok() && line->has_value() && **line == at.text.substr(start, most);
      return same && at.pos_after == start + most ? "" : "line: truncated otherwise";
    }
    dropping = true;
  }
}

}  // namespace

std::string compare_line(const absl::StatusOr<Token>& line, const LineOptions& options,
                         const Situation& at) {
  std::string mismatch = compare_line_as(line, options, at, /*dropping=*/false);
  const bool at_line_start = at.pos == 0 || at.pos > at.text.size() || at.text[at.pos - 1] == '\n';
  if (mismatch.empty() || at_line_start) return mismatch;
  return compare_line_as(line, options, at, /*dropping=*/true).empty() ? "" : mismatch;
}

std::string compare_buffered_line(std::string_view line, const LineOptions& options,
                                  Situation& at) {
  const size_t newline = at.rest().find('\n');
  if (newline == std::string_view::npos) return "for_each_buffered: a line without an end";
  size_t length = newline;
  if (length > 0 && at.rest()[length - 1] == '\r') --length;
  const std::string_view shown =
      at.rest().substr(0, options.keep_terminator ? newline + 1 : length);
  at.pos += newline + 1;
  return line == shown ? "" : "for_each_buffered: another line";
}

std::string compare_read_exact(const absl::Status& status, std::string_view into,
                               const Situation& at) {
  const size_t n = into.size();
  if (at.pos_after != at.pos + (status.ok() ? n : 0)) return "read_exact: consumed something else";
  if (status.ok()) return into == at.rest().substr(0, n) ? "" : "read_exact: wrong bytes";
  if (at.rest().size() >= n) return unexpected("read_exact", status);
  const bool right = at.rest().empty() ? absl::IsOutOfRange(status) : absl::IsDataLoss(status);
  return right ? "" : unexpected("read_exact", status);
}

std::string compare_read_to_end(const absl::StatusOr<std::string>& all, size_t limit,
                                const Situation& at) {
  if (at.pos_after != at.pos + (all.ok() ? all->size() : 0)) {
    return "read_to_end: consumed something else";
  }
  if (!all.ok()) return compare_refusal("read_to_end", all.status(), at.rest().size() > limit);
  return *all == at.rest() ? "" : "read_to_end: wrong bytes";
}

std::string compare_skip(const absl::StatusOr<uint64_t>& passed, uint64_t n, const Situation& at) {
  if (!passed.ok()) return unexpected("skip", passed.status());
  const uint64_t expected = std::min<uint64_t>(n, at.rest().size());
  if (*passed != expected) return "skip: not as many";
  return at.pos_after == at.pos + expected ? "" : "skip: went elsewhere";
}

}  // namespace bufio::simulate
