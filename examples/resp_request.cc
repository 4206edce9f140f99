#include "examples/resp_request.h"

#include <algorithm>
#include <utility>

#include "bufio/parse/resp_words.h"
#include "bufio/scan.h"

namespace resp {
namespace {

constexpr std::string_view kCrLf = "\r\n";
constexpr size_t kMaxLength = 24;  // of a length with its CRLF; no number needs more

}  // namespace

RequestParser::Outcome RequestParser::parse(std::string_view view, bool final) {
  if (done_) begin();
  at_ -= consumed_;
  searched_ -= std::min(searched_, consumed_);
  consumed_ = 0;
  if (!refusal_.empty()) return Outcome::kRefused;
  return state_ == State::kStart ? parse_start(view, final) : parse_arguments(view, final);
}

void RequestParser::begin() {
  // What a large request has needed is not kept for small ones.
  constexpr size_t kKeep = 1024;
  done_ = false;
  size_ = 0;
  held_size_ = 0;
  held_places_ = 0;
  if (held_.capacity() > kKeep * sizeof(Place))
    std::string().swap(held_);  // an assignment would keep it
  if (places_.capacity() > kKeep) places_ = std::vector<Place>();
  if (arguments_.capacity() > kKeep) arguments_ = std::vector<std::string_view>();
  held_.clear();
  places_.clear();
  arguments_.clear();
  if (!given_.empty()) given_ = std::vector<std::string>();
}

RequestParser::Outcome RequestParser::more(std::string_view view, bool final, size_t needed) {
  if (final) return within_request() || !view.empty() ? Outcome::kTruncated : Outcome::kEnd;
  needed_ = needed;
  if (at_ >= limits_.big_argument) hold(view);
  return Outcome::kMore;
}

RequestParser::Outcome RequestParser::refuse(std::string_view why) {
  refusal_ = why;
  return Outcome::kRefused;
}

bool RequestParser::charge(size_t size) {
  size_ += kArgumentCost + size;
  return size_ <= limits_.max_request;
}

RequestParser::Outcome RequestParser::parse_start(std::string_view view, bool final) {
  if (view.empty()) return more(view, final, 1);
  if (view[0] != '*') return parse_line(view, final);
  at_ = 1;
  int64_t count = 0;
  const Number number = parse_length(view, count);
  if (number == Number::kMore) {
    at_ = 0;
    return more(view, final, 1);
  }
  if (number == Number::kBad || count > static_cast<int64_t>(limits_.max_arguments))
    return refuse("invalid multibulk length");
  if (count <= 0) return finish(view);
  remaining_ = static_cast<size_t>(count);
  state_ = State::kHeader;
  return parse_arguments(view, final);
}

RequestParser::Outcome RequestParser::parse_line(std::string_view view, bool final) {
  const size_t lf = bufio::find_byte(view.substr(0, limits_.max_line), '\n', searched_);
  if (lf == std::string_view::npos) {
    if (view.size() >= limits_.max_line) return refuse("too big inline request");
    searched_ = view.size();
    return more(view, final, 1);
  }
  std::string_view line = view.substr(0, lf);
  if (line.ends_with('\r')) line.remove_suffix(1);
  for (;;) {
    const size_t before = held_.size();
    const bufio::RespWord word = bufio::take_resp_word(line, held_);
    if (word == bufio::RespWord::kNone) break;
    if (word == bufio::RespWord::kUnbalanced) return refuse("unbalanced quotes in request");
    places_.push_back({before, held_.size() - before, false});
  }
  held_size_ = held_.size();
  at_ = lf + 1;
  return finish(view);
}

// A number as Redis writes it: no leading zeros, no plus, CRLF behind it. From at_ on, which moves
// behind it.
RequestParser::Number RequestParser::parse_length(std::string_view view, int64_t& length) {
  const std::string_view text = view.substr(at_, kMaxLength);
  size_t i = 0;
  const bool negative = text.starts_with('-');
  if (negative) ++i;
  const size_t first = i;
  uint64_t value = 0;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - first < 18)
    value = value * 10 + static_cast<uint64_t>(text[i++] - '0');
  if (i < text.size() && text[i] != '\r') return Number::kBad;
  const size_t digits = i - first;
  if (digits > 1 && text[first] == '0') return Number::kBad;
  if (i == text.size()) return Number::kMore;
  if (digits == 0 || (negative && value == 0)) return Number::kBad;
  if (i + 1 == text.size()) return Number::kMore;
  if (text[i + 1] != '\n') return Number::kBad;
  length = negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  at_ += i + kCrLf.size();
  return Number::kFine;
}

std::optional<RequestParser::Outcome> RequestParser::parse_header(std::string_view view,
                                                                  bool final) {
  if (at_ == view.size()) return more(view, final, 1);
  if (const char c = view[at_]; c != '$') {
    // As Redis has it: no line may be broken by what is shown of it.
    const char shown = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    return refuse(std::string("expected '$', got '") + shown + "'");
  }
  ++at_;
  int64_t size = 0;
  const Number number = parse_length(view, size);
  if (number == Number::kMore) {
    --at_;
    return more(view, final, 1);
  }
  if (number == Number::kBad || size < 0 || size > static_cast<int64_t>(limits_.max_bulk))
    return refuse("invalid bulk length");
  body_size_ = static_cast<size_t>(size);
  if (!charge(body_size_)) return refuse("too big request");
  state_ = State::kBody;
  return std::nullopt;
}

RequestParser::Outcome RequestParser::parse_arguments(std::string_view view, bool final) {
  while (remaining_ > 0) {
    if (state_ == State::kHeader) {
      const std::optional<Outcome> outcome = parse_header(view, final);
      if (outcome.has_value()) return *outcome;
    }
    if (state_ == State::kBody) {
      const size_t there = view.size() - at_;
      if (there < body_size_) {
        if (final) return Outcome::kTruncated;
        if (body_size_ < limits_.big_argument)
          return more(view, final, body_size_ + kCrLf.size() - there);
        hold(view);
        return Outcome::kBig;
      }
      places_.push_back({held_size_ + at_, body_size_, false});
      at_ += body_size_;
      state_ = State::kTail;
    }
    const size_t there = view.size() - at_;
    if (!kCrLf.starts_with(view.substr(at_, kCrLf.size()))) return refuse("expected CRLF");
    if (there < kCrLf.size()) return more(view, final, kCrLf.size() - there);
    at_ += kCrLf.size();
    state_ = State::kHeader;
    --remaining_;
  }
  return finish(view);
}

// Copies what the arguments refer to, all of it in one piece, so that the view can be consumed.
void RequestParser::hold(std::string_view view) {
  for (; held_places_ < places_.size(); ++held_places_) {
    Place& place = places_[held_places_];
    if (place.is_given) continue;
    const std::string_view text = view.substr(place.offset - held_size_, place.size);
    place.offset = held_.size();
    held_ += text;
  }
  held_size_ = held_.size();
  consumed_ = at_;
}

void RequestParser::give(std::string argument) {
  places_.push_back({given_.size(), argument.size(), true});
  given_.push_back(std::move(argument));
  state_ = State::kTail;
}

std::string* RequestParser::given(size_t argument) {
  const Place& place = places_[argument];
  return place.is_given ? &given_[place.offset] : nullptr;
}

RequestParser::Outcome RequestParser::finish(std::string_view view) {
  arguments_.reserve(places_.size());
  for (const Place& place : places_) {
    if (place.is_given) {
      arguments_.emplace_back(given_[place.offset]);
    } else if (place.offset < held_size_) {
      arguments_.push_back(std::string_view(held_).substr(place.offset, place.size));
    } else {
      arguments_.push_back(view.substr(place.offset - held_size_, place.size));
    }
  }
  consumed_ = at_;
  searched_ = 0;
  state_ = State::kStart;
  done_ = true;
  return Outcome::kRequest;
}

size_t RequestParser::memory() const {
  size_t all = held_.capacity() + places_.capacity() * sizeof(Place) +
               arguments_.capacity() * sizeof(std::string_view);
  for (const std::string& each : given_) all += each.capacity();
  return all;
}

}  // namespace resp
