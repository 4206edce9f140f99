#include "bufio/parse/resp.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "absl/status/status.h"
#include "bufio/parse/resp_words.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

using internal::RespNode;

// What a bulk string's or an aggregate's line may have: a length.
constexpr size_t kLongestLength = 24;

std::optional<RespType> type_of(char first) {
  switch (first) {
    case '_':
      return RespType::kNull;
    case '+':
      return RespType::kSimple;
    case '-':
      return RespType::kError;
    case ':':
      return RespType::kInteger;
    case '$':
      return RespType::kBulk;
    case '*':
      return RespType::kArray;
    case '#':
      return RespType::kBoolean;
    case ',':
      return RespType::kDouble;
    case '(':
      return RespType::kBigNumber;
    case '!':
      return RespType::kBulkError;
    case '=':
      return RespType::kVerbatim;
    case '%':
      return RespType::kMap;
    case '~':
      return RespType::kSet;
    case '>':
      return RespType::kPush;
    case '|':
      return RespType::kAttribute;
    default:
      return std::nullopt;
  }
}

template <class T>
bool read_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end;
}

bool is_big_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

ParseResult<RespValue> RespParser::parse(std::string_view view, size_t examined, bool /*final*/) {
  if (examined == 0 || examined != examined_) {
    nodes_.clear();
    open_.clear();
    at_ = searched_ = 0;
    whole_ = false;
  }
  while (!whole_) {
    need_ = 0;
    const Step step = read_item(view);
    if (step == Step::kMore) {
      examined_ = view.size();
      return NeedMore(view.size(), need_);
    }
    if (step == Step::kError) {
      return ParseError(
          limit_ ? absl::ResourceExhaustedError(what_) : absl::InvalidArgumentError(what_), at_);
    }
    close_finished();
    whole_ = open_.empty();
  }
  return {RespValue(view, nodes_.data()), at_};
}

// Aggregates whose last element is there.
void RespParser::close_finished() {
  while (!open_.empty() && open_.back().left == 0) {
    const Open done = open_.back();
    nodes_[done.node].nodes = nodes_.size() - done.node;
    open_.pop_back();
  }
}

RespParser::Step RespParser::read_item(std::string_view view) {
  if (at_ == view.size()) return Step::kMore;
  const std::optional<RespType> type = type_of(view[at_]);
  if (!type.has_value()) return fail("a byte that begins no value");
  std::string_view line;
  if (const Step step = read_line(view, line); step != Step::kFine) return step;
  switch (*type) {
    case RespType::kBulk:
    case RespType::kBulkError:
    case RespType::kVerbatim:
      return read_string(*type, view, line);
    case RespType::kArray:
    case RespType::kMap:
    case RespType::kSet:
    case RespType::kPush:
    case RespType::kAttribute:
      return read_aggregate(*type, line);
    default:
      return read_scalar(*type, line);
  }
}

// The rest of the item's first line.
RespParser::Step RespParser::read_line(std::string_view view, std::string_view& line) {
  const char first = view[at_];
  const bool has_length = first == '$' || first == '*' || type_of(first) >= RespType::kBulkError;
  const size_t most = has_length ? kLongestLength : options_.max_line;
  const size_t lf = find_byte(view.substr(0, at_ + std::min(view.size(), most)), '\n',
                              std::max(at_ + 1, searched_));
  if (lf == std::string_view::npos) {
    if (view.size() - at_ >= most) {
      return has_length ? fail("a length that is none") : exceed("a line is too long");
    }
    searched_ = view.size();
    return Step::kMore;
  }
  if (view[lf - 1] != '\r' || lf == at_ + 1) return fail("a line that ends with LF alone");
  line = view.substr(at_ + 1, lf - at_ - 2);
  if (line.find('\r') != std::string_view::npos) return fail("a CR within a line");
  line_end_ = lf + 1;
  return Step::kFine;
}

// One more node, which is an element of the innermost open aggregate.
bool RespParser::add(const RespNode& node) {
  if (nodes_.size() > options_.max_elements) return false;
  nodes_.push_back(node);
  if (!open_.empty() && node.type != RespType::kAttribute) --open_.back().left;
  return true;
}

RespParser::Step RespParser::read_scalar(RespType type, std::string_view line) {
  RespNode node{.type = type, .offset = at_ + 1, .size = line.size()};
  switch (type) {
    case RespType::kNull:
      if (!line.empty()) return fail("a null with something in it");
      break;
    case RespType::kInteger:
      if (!read_number(line, node.integer)) return fail("an integer that is none");
      break;
    case RespType::kBoolean:
      if (line != "t" && line != "f") return fail("a boolean that is none");
      node.integer = line == "t" ? 1 : 0;
      break;
    case RespType::kDouble:
      if (!read_number(line, node.number)) return fail("a number that is none");
      break;
    case RespType::kBigNumber:
      if (!is_big_number(line)) return fail("a big number that is none");
      break;
    default:
      break;
  }
  if (!add(node)) return exceed("too many elements");
  at_ = line_end_;
  return Step::kFine;
}

RespParser::Step RespParser::read_string(RespType type, std::string_view view,
                                         std::string_view line) {
  int64_t length = 0;
  if (!read_number(line, length) || length < -1 || (length == -1 && type != RespType::kBulk)) {
    return fail("a string's length that is none");
  }
  RespNode node{.type = type, .offset = line_end_};
  size_t end = line_end_;
  if (length == -1) {
    node.type = RespType::kNull;
  } else {
    node.size = static_cast<size_t>(length);
    if (node.size > options_.max_bulk) return exceed("a string is too long");
    end += node.size + 2;
    if (view.size() < end) {
      searched_ = line_end_ - 1;  // its line's end is found again at once
      need_ = end;
      return Step::kMore;
    }
    if (view.substr(end - 2, 2) != "\r\n") return fail("a string that does not end with CRLF");
    if (type == RespType::kVerbatim) {
      if (node.size < 4 || view[node.offset + 3] != ':') return fail("a text without a format");
      node.offset += 4;
      node.size -= 4;
    }
  }
  if (!add(node)) return exceed("too many elements");
  at_ = end;
  return Step::kFine;
}

RespParser::Step RespParser::read_aggregate(RespType type, std::string_view line) {
  int64_t length = 0;
  if (!read_number(line, length) || length < -1 || (length == -1 && type != RespType::kArray)) {
    return fail("an aggregate's length that is none");
  }
  RespNode node{.type = length == -1 ? RespType::kNull : type, .offset = line_end_};
  if (length > 0) {
    const bool pairs = type == RespType::kMap || type == RespType::kAttribute;
    if (static_cast<uint64_t>(length) > options_.max_elements / (pairs ? 2 : 1)) {
      return exceed("too many elements");
    }
    node.size = static_cast<size_t>(length) * (pairs ? 2 : 1);
    if (open_.size() >= options_.max_depth) return exceed("aggregates too deep in each other");
  }
  if (!add(node)) return exceed("too many elements");
  if (node.size > 0) open_.push_back({nodes_.size() - 1, node.size});
  at_ = line_end_;
  return Step::kFine;
}

ParseResult<RespRequestParser::value_type> RespRequestParser::parse(std::string_view view,
                                                                    size_t examined, bool final) {
  if (view.empty()) return NeedMore();
  if (view[0] != '*') return parse_line(view, examined);
  ParseResult<RespValue> result = values_.parse(view, examined, final);
  switch (result.kind()) {
    case ParseKind::kMore:
      return NeedMore(result.examined(), result.need());
    case ParseKind::kError:
      return ParseError(result.status(), result.error_offset());
    default:
      break;
  }
  arguments_.clear();
  for (const RespValue argument : result.value()) {
    if (argument.type() != RespType::kBulk) {
      return ParseError(absl::InvalidArgumentError("a request of something else than strings"));
    }
    arguments_.push_back(argument.text());
  }
  if (arguments_.empty()) return Skip(result.consumed());
  return {arguments_, result.consumed()};
}

ParseResult<RespRequestParser::value_type> RespRequestParser::parse_line(std::string_view view,
                                                                         size_t examined) {
  const size_t lf = find_byte(view.substr(0, options_.max_line), '\n', examined);
  if (lf == std::string_view::npos) {
    if (view.size() < options_.max_line) return NeedMore(view.size());
    return ParseError(absl::ResourceExhaustedError("too big inline request"));
  }
  std::string_view line = view.substr(0, lf);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!split(line)) return ParseError(absl::InvalidArgumentError("unbalanced quotes in request"));
  if (arguments_.empty()) return Skip(lf + 1);
  return {arguments_, lf + 1};
}

// False: its quotes do not match.
bool RespRequestParser::split(std::string_view line) {
  arguments_.clear();
  scratch_.clear();
  scratch_.reserve(line.size());  // it is not to move
  for (;;) {
    const size_t before = scratch_.size();
    const RespWord word = take_resp_word(line, scratch_);
    if (word != RespWord::kWord) return word == RespWord::kNone;
    arguments_.push_back(std::string_view(scratch_).substr(before));
  }
}

}  // namespace bufio
