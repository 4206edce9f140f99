#include "bufio/parse/http1.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "absl/status/status.h"
#include "uring/status.h"

namespace bufio {
namespace {

// Empty lines in front of a request: one or two come from old clients, more from nobody.
constexpr size_t kMaxPassedOver = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_visible(char c) { return c > ' ' && c < 0x7f; }

// A name, an address, brackets and a port; nothing that could be taken for another part of a URL.
constexpr std::array<bool, 256> kHostCharacters = [] {
  std::array<bool, 256> host{};
  for (unsigned char c = '!'; c < 0x7f; ++c) host[c] = true;
  for (char c : std::string_view("/?#@\\\"<>^`{|}")) host[static_cast<unsigned char>(c)] = false;
  return host;
}();

bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return kHostCharacters[static_cast<unsigned char>(c)]; });
}

bool is_reason(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
  });
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Calls `use` with each element of a list that is separated by commas.
template <class Use>
void for_each_element(std::string_view list, Use use) {
  for (;;) {
    const size_t comma = list.find(',');
    if (const std::string_view element = trimmed(list.substr(0, comma)); !element.empty()) {
      use(element);
    }
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<std::string_view> HttpHead::field(std::string_view name) const {
  for (const HttpField& each : fields) {
    if (same_http_name(each.name, name)) return each.value;
  }
  return std::nullopt;
}

std::optional<bool> HttpHeadParser::find_lines(std::string_view view, size_t examined) {
  fault_ = Fault();
  const HttpHeadLines::Found found =
      lines_.find(view.substr(0, options_.max_head), examined, options_.max_fields + 1);
  switch (found) {
    case HttpHeadLines::Found::kWhole:
      return true;
    case HttpHeadLines::Found::kBare:
      refuse(400, "a line that ends with LF alone", lines_.end() - 1);
      return std::nullopt;
    case HttpHeadLines::Found::kTooMany:
      refuse(431, "too many fields", lines_.end());
      return std::nullopt;
    case HttpHeadLines::Found::kMore:
      break;
  }
  if (view.size() < options_.max_head) return false;
  refuse(lines_.count() == 0 ? 414 : 431, "it is too long", options_.max_head);
  return std::nullopt;
}

ParseError HttpHeadParser::error() const {
  const absl::string_view what = uring::as_absl(fault_.what);
  switch (fault_.code) {
    case 400:
      return ParseError(absl::InvalidArgumentError(what), fault_.at);
    case 414:
    case 431:
      return ParseError(absl::ResourceExhaustedError(what), fault_.at);
    default:
      return ParseError(absl::UnimplementedError(what), fault_.at);
  }
}

bool HttpHeadParser::read_version(std::string_view version, size_t at, HttpHead& head) {
  constexpr std::string_view kName = "HTTP/";
  if (version.size() != kName.size() + 3 || !version.starts_with(kName) || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return refuse(400, "no HTTP version", at);
  }
  if (version[5] != '1') return refuse(505, "a version other than HTTP/1", at);
  head.minor_version = version[7] - '0';
  return true;
}

bool HttpHeadParser::read_fields(std::string_view view, Kind kind, HttpHead& head) {
  hosts_ = 0;
  length_ = 0;
  has_length_ = chunked_ = close_ = keep_alive_ = expects_continue_ = false;
  fields_.clear();
  for (size_t i = 1; i + 1 < lines_.count(); ++i) {
    HttpField field;
    if (!read_http_field(lines_.line(view, i), field)) {
      return refuse(400, "a line that is no field", lines_.start(i));
    }
    if (!read_framing(field, lines_.start(i), kind)) return false;
    fields_.push_back(field);
  }
  head.fields = fields_;
  return end_framing(kind, head);
}

bool HttpHeadParser::read_framing(const HttpField& field, size_t at, Kind kind) {
  const auto is = [&field](std::string_view name) { return same_http_name(field.name, name); };
  switch (field.name.size()) {
    case 4:
      if (kind == Kind::kResponse || !is("Host")) return true;
      ++hosts_;
      if (!is_host(field.value)) return refuse(400, "a Host that is none", at);
      return true;
    case 6:
      if (kind == Kind::kResponse || !is("Expect")) return true;
      expects_continue_ = same_http_name(field.value, "100-continue");
      if (!expects_continue_) return refuse(417, "an expectation other than 100-continue", at);
      return true;
    case 10:
      if (!is("Connection")) return true;
      for_each_element(field.value, [this](std::string_view option) {
        close_ = close_ || same_http_name(option, "close");
        keep_alive_ = keep_alive_ || same_http_name(option, "keep-alive");
      });
      return true;
    case 14:
      return !is("Content-Length") || read_length(field.value, at);
    case 17:
      return !is("Transfer-Encoding") || read_coding(field.value, at);
    default:
      return true;
  }
}

bool HttpHeadParser::read_length(std::string_view value, size_t at) {
  if (std::exchange(has_length_, true)) return refuse(400, "a second Content-Length", at);
  const char* end = value.data() + value.size();
  const std::from_chars_result read = std::from_chars(value.data(), end, length_);
  if (read.ec != std::errc() || read.ptr != end) {
    return refuse(400, "a Content-Length that is no number", at);
  }
  return true;
}

bool HttpHeadParser::read_coding(std::string_view value, size_t at) {
  if (std::exchange(chunked_, true)) return refuse(400, "a second Transfer-Encoding", at);
  if (same_http_name(value, "chunked")) return true;
  size_t chunked = 0;
  bool last = false;
  for_each_element(value, [&](std::string_view coding) {
    last = same_http_name(coding, "chunked");
    chunked += last ? 1 : 0;
  });
  if (last && chunked == 1) return refuse(501, "a Transfer-Encoding besides chunked", at);
  return refuse(400, "a Transfer-Encoding that does not end in chunked", at);
}

bool HttpHeadParser::end_framing(Kind kind, HttpHead& head) {
  const bool old = head.minor_version == 0;
  if (chunked_ && (has_length_ || old)) {
    return refuse(400,
                  has_length_ ? "a Transfer-Encoding beside a Content-Length"
                              : "a Transfer-Encoding in HTTP/1.0",
                  0);
  }
  if (kind == Kind::kRequest && (hosts_ > 1 || (hosts_ == 0 && !old))) {
    return refuse(400, hosts_ == 0 ? "no Host" : "more than one Host", 0);
  }
  head.keep_alive = !close_ && (keep_alive_ || !old);
  head.content_length = length_;
  if (chunked_) {
    head.body = HttpBody::kChunked;
  } else if (has_length_) {
    head.body = length_ > 0 ? HttpBody::kLength : HttpBody::kNone;
  } else {
    head.body = kind == Kind::kRequest ? HttpBody::kNone : HttpBody::kUntilClose;
  }
  return true;
}

bool HttpRequestParser::read_first_line(std::string_view line, HttpRequest& request) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse(400, "no request line", 0);
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  if (!is_http_token(request.method)) return refuse(400, "a method that is no token", 0);
  if (request.target.empty() ||
      !std::all_of(request.target.begin(), request.target.end(), is_visible)) {
    return refuse(400, "a target with characters that none may have", first + 1);
  }
  if (!read_version(line.substr(last + 1), last + 1, request)) return false;
  if (request.target.size() > options().max_target) return refuse(414, "a long target", first + 1);
  return true;
}

ParseResult<HttpRequest> HttpRequestParser::parse(std::string_view view, size_t examined,
                                                  bool final) {
  if (examined == 0 && !view.empty() && view[0] == '\r') {
    size_t empty = 0;
    while (view.substr(empty, 2) == "\r\n" && passed_over_ + empty < kMaxPassedOver) empty += 2;
    if (empty > 0) {
      passed_over_ += empty;
      return Skip(empty);
    }
    if (view.size() == 1 && !final) return NeedMore(0, 2);
  }
  const std::optional<bool> whole = find_lines(view, examined);
  if (!whole.has_value()) return error();
  if (!*whole) return NeedMore(view.size());
  HttpRequest request;
  if (!read_first_line(lines().line(view, 0), request) ||
      !read_fields(view, Kind::kRequest, request)) {
    return error();
  }
  request.expects_continue = expects_continue();
  return {request, lines().end()};
}

bool HttpResponseParser::read_first_line(std::string_view line, HttpResponse& response) {
  constexpr size_t kVersion = 8;
  if (!read_version(line.substr(0, kVersion), 0, response)) return false;
  line.remove_prefix(kVersion);
  // Some servers leave the last space out when there is no reason.
  if (line.size() < 4 || line[0] != ' ' || line[1] == '0' ||
      !std::all_of(line.begin() + 1, line.begin() + 4, is_digit) ||
      (line.size() > 4 && line[4] != ' ')) {
    return refuse(400, "no status line", kVersion);
  }
  response.status = (line[1] - '0') * 100 + (line[2] - '0') * 10 + (line[3] - '0');
  response.reason = line.substr(std::min<size_t>(line.size(), 5));
  return is_reason(response.reason) ||
         refuse(400, "a reason with control characters", kVersion + 5);
}

ParseResult<HttpResponse> HttpResponseParser::parse(std::string_view view, size_t examined,
                                                    bool /*final*/) {
  const std::optional<bool> whole = find_lines(view, examined);
  if (!whole.has_value()) return error();
  if (!*whole) return NeedMore(view.size());
  HttpResponse response;
  if (!read_first_line(lines().line(view, 0), response) ||
      !read_fields(view, Kind::kResponse, response)) {
    return error();
  }
  const int status = response.status;
  const bool bodyless = status < 200 || status == 204;
  if (bodyless && response.body == HttpBody::kChunked) {
    refuse(400, "a Transfer-Encoding where there is no body", 0);
    return error();
  }
  if (bodyless || status == 304 || to_head_ || (to_connect_ && status < 300)) {
    response.body = HttpBody::kNone;
  }
  if (response.body == HttpBody::kUntilClose) response.keep_alive = false;
  return {response, lines().end()};
}

}  // namespace bufio
