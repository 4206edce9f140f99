#include "bufio/parse/http1_lines.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "uring/status.h"

namespace bufio {
namespace {

constexpr std::array<bool, 256> kTokenCharacters = [] {
  std::array<bool, 256> token{};
  for (char c = 'a'; c <= 'z'; ++c) token[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) token[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) token[static_cast<unsigned char>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) token[static_cast<unsigned char>(c)] = true;
  return token;
}();

bool is_token_character(char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; }

bool is_space(char c) { return c == ' ' || c == '\t'; }

// No control characters but tabs: no NUL and no CR. Without branches, so that it is vectorised.
bool is_value(std::string_view text) {
  uint8_t bad = 0;
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    bad |= static_cast<uint8_t>((byte < 0x20) & (byte != '\t'));
    bad |= static_cast<uint8_t>(byte == 0x7f);
  }
  return bad == 0;
}

}  // namespace

HttpHeadLines::Found HttpHeadLines::find(std::string_view view, size_t examined, size_t max_lines) {
  if (examined != examined_) known_ = examined_ = examined = 0;
  if (examined == 0) known_ = 0;
  ends_.resize(known_);
  index_.reset(view.data() + examined, view.data() + view.size(), '\n');
  while (const char* lf = index_.next()) {
    const auto at = static_cast<size_t>(lf - view.data());
    const size_t start = end();
    ends_.push_back(at);
    if (at == start || lf[-1] != '\r') return Found::kBare;
    if (at == start + 1) return Found::kWhole;
    if (ends_.size() > max_lines) return Found::kTooMany;
  }
  known_ = ends_.size();
  examined_ = view.size();
  return Found::kMore;
}

bool is_http_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool same_http_name(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(uring::as_absl(a), uring::as_absl(b));
}

bool read_http_field(std::string_view line, HttpField& field) {
  size_t colon = 0;
  while (colon < line.size() && is_token_character(line[colon])) ++colon;
  // A space before the name would make it the end of the field before; one behind it is an attack.
  if (colon == 0 || colon == line.size() || line[colon] != ':') return false;
  size_t start = colon + 1;
  size_t end = line.size();
  while (start < end && is_space(line[start])) ++start;
  while (start < end && is_space(line[end - 1])) --end;
  field.name = line.substr(0, colon);
  field.value = line.substr(start, end - start);
  return is_value(field.value);
}

}  // namespace bufio
