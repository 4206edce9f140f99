#include "examples/http_head.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "uring/status.h"

namespace http {
namespace {

constexpr int kBadRequest = 400;

bool is_token_char(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}
bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_graph(char c) { return c > ' ' && c < 0x7f; }
// What a field's value may hold: no control characters, so no NUL and no CR.
bool is_field_char(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(uring::as_absl(a), uring::as_absl(b));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next line off `text`; nothing if it does not end with CRLF.
std::optional<std::string_view> take_line(std::string_view& text) {
  size_t lf = text.find('\n');
  if (lf == std::string_view::npos || lf == 0 || text[lf - 1] != '\r') return std::nullopt;
  std::string_view line = text.substr(0, lf - 1);
  text.remove_prefix(lf + 1);
  return line;
}

int parse_version(std::string_view version, Head& head) {
  constexpr std::string_view kName = "HTTP/";
  if (version.size() != kName.size() + 3 || !version.starts_with(kName)) return kBadRequest;
  version.remove_prefix(kName.size());
  if (!is_digit(version[0]) || version[1] != '.' || !is_digit(version[2])) return kBadRequest;
  if (version[0] != '1') return 505;
  head.minor_version = version[2] - '0';
  return kFine;
}

int parse_request_line(std::string_view line, Head& head) {
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return kBadRequest;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (!is_token(head.method) || head.target.empty()) return kBadRequest;
  if (!std::all_of(head.target.begin(), head.target.end(), is_graph)) return kBadRequest;
  if (int refused = parse_version(line.substr(last + 1), head); refused != kFine) return refused;
  return head.target.size() > kMaxTarget ? 414 : kFine;
}

int parse_field(std::string_view line, Field& field) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return kBadRequest;
  field.name = line.substr(0, colon);
  field.value = trimmed(line.substr(colon + 1));
  // A space before the name would make it the end of the field before; one behind it is an attack.
  if (!is_token(field.name)) return kBadRequest;
  return std::all_of(field.value.begin(), field.value.end(), is_field_char) ? kFine : kBadRequest;
}

// Calls `use` with each element of a list that is separated by commas.
template <class Use>
void for_each_element(std::string_view list, Use use) {
  for (;;) {
    size_t comma = list.find(',');
    if (std::string_view element = trimmed(list.substr(0, comma)); !element.empty()) use(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// What the fields say about the connection and the body.
class Framing {
 public:
  int add(const Field& field, Head& head) {
    if (same(field.name, "Connection")) {
      for_each_element(field.value, [this](std::string_view option) {
        close_ = close_ || same(option, "close");
        keep_alive_ = keep_alive_ || same(option, "keep-alive");
      });
    } else if (same(field.name, "Host")) {
      ++hosts_;
    } else if (same(field.name, "Content-Length")) {
      if (std::exchange(has_length_, true)) return kBadRequest;
      const char* end = field.value.data() + field.value.size();
      std::from_chars_result read = std::from_chars(field.value.data(), end, head.content_length);
      if (read.ec != std::errc() || read.ptr != end) return kBadRequest;
    } else if (same(field.name, "Transfer-Encoding")) {
      if (std::exchange(head.transfer_coded, true)) return kBadRequest;
      if (!same(field.value, "chunked")) return 501;
    } else if (same(field.name, "Expect")) {
      if (!same(field.value, "100-continue")) return 417;
      head.expects_continue = true;
    }
    return kFine;
  }

  int end(Head& head) const {
    bool old = head.minor_version == 0;
    if (head.transfer_coded && (has_length_ || old)) return kBadRequest;
    if (hosts_ > 1 || (hosts_ == 0 && !old)) return kBadRequest;
    head.keep_alive = !close_ && (keep_alive_ || !old);
    return kFine;
  }

 private:
  bool close_ = false;
  bool keep_alive_ = false;
  bool has_length_ = false;
  int hosts_ = 0;
};

}  // namespace

std::optional<std::string_view> Head::field(std::string_view name) const {
  for (const Field& each : fields) {
    if (same(each.name, name)) return each.value;
  }
  return std::nullopt;
}

int parse_head(std::string_view text, Head& head) {
  std::vector<Field> fields = std::move(head.fields);
  fields.clear();
  head = Head();
  head.fields = std::move(fields);

  std::optional<std::string_view> line = take_line(text);
  if (!line.has_value()) return kBadRequest;
  if (int refused = parse_request_line(*line, head); refused != kFine) return refused;
  Framing framing;
  for (;;) {
    line = take_line(text);
    if (!line.has_value()) return kBadRequest;
    if (line->empty()) return text.empty() ? framing.end(head) : kBadRequest;
    if (head.fields.size() == kMaxFields) return 431;
    Field field;
    if (int refused = parse_field(*line, field); refused != kFine) return refused;
    if (int refused = framing.add(field, head); refused != kFine) return refused;
    head.fields.push_back(field);
  }
}

bufio::ScanResult HeadEnd::operator()(std::string_view view, size_t from, bool /*final*/) const {
  for (size_t lf = bufio::find_byte(view, '\n', from); lf != std::string_view::npos;
       lf = bufio::find_byte(view, '\n', lf + 1)) {
    bool bare = lf == 0 || view[lf - 1] != '\r';
    bool empty = !bare && (lf == 1 || view[lf - 2] == '\n');
    if (bare || empty) return bufio::ScanResult::token(lf + 1);
  }
  return bufio::ScanResult::more(view.size());
}

}  // namespace http
