#include "examples/wc_format.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cwchar>
#include <cwctype>

namespace uwc {
namespace {

// One character of a name, in the encoding of the locale.
struct Character {
  std::string_view bytes;
  bool printable;
};

Character first_character(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte < 0x80) return {text.substr(0, 1), byte >= 0x20 && byte != 0x7f};
  wchar_t wide = 0;
  std::mbstate_t state{};
  const size_t length = std::mbrtowc(&wide, text.data(), text.size(), &state);
  // Not a character, or only the beginning of one: a byte by itself.
  if (length == 0 || length > text.size()) return {text.substr(0, 1), false};
  return {text.substr(0, length), std::iswprint(static_cast<wint_t>(wide)) != 0};
}

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// Whether a shell would take it amiss without quotes.
bool needs_quotes(std::string_view name) {
  if (name.empty() || name == "{" || name == "}") return true;
  if (one_of(name.front(), "#~")) return true;
  for (std::string_view rest = name; !rest.empty();) {
    const Character character = first_character(rest);
    if (!character.printable || one_of(character.bytes.front(), " !\"$&'()*:;<=>?[\\^`|"))
      return true;
    rest.remove_prefix(character.bytes.size());
  }
  return false;
}

// Whether double quotes do, too. They are easier to read around an apostrophe.
bool double_quotes_do(std::string_view name) {
  constexpr std::string_view kNotInDoubleQuotes = "!\"#$&()*;<=>?[\\^`{|}~";
  if (name.find('\'') == std::string_view::npos) return false;
  for (std::string_view rest = name; !rest.empty();) {
    const Character character = first_character(rest);
    const bool harmless_in_front = rest.size() == name.size() && one_of(rest.front(), "#~");
    if (!character.printable ||
        (one_of(character.bytes.front(), kNotInDoubleQuotes) && !harmless_in_front))
      return false;
    rest.remove_prefix(character.bytes.size());
  }
  return true;
}

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr std::string_view kControls = "\a\b\t\n\v\f\r";
  constexpr std::string_view kLetters = "abtnvfr";
  for (const char byte : bytes) {
    const size_t control = kControls.find(byte);
    if (control != std::string_view::npos) {
      out += '\\';
      out += kLetters[control];
      continue;
    }
    char octal[8];
    std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(byte) & 0xffU);
    out += octal;
  }
}

}  // namespace

int column_width(const std::vector<std::optional<struct stat>>& inputs) {
  constexpr int kWidthOfUnknownSize = 7;
  uint64_t total = 0;
  int least = 1;
  for (const std::optional<struct stat>& input : inputs) {
    if (!input.has_value()) continue;
    if (S_ISREG(input->st_mode)) {
      total += static_cast<uint64_t>(input->st_size);
    } else {
      least = kWidthOfUnknownSize;
    }
  }
  return std::max(least, static_cast<int>(std::to_string(total).size()));
}

std::string count_line(uint64_t lines, uint64_t bytes, int width,
                       std::optional<std::string_view> name) {
  char counts[64];
  std::snprintf(counts, sizeof counts, "%*" PRIu64 " %*" PRIu64, width, lines, width, bytes);
  std::string line = counts;
  if (name.has_value()) {
    line += ' ';
    // Only a name that would break the line is quoted here.
    line += name->find('\n') == std::string_view::npos ? std::string(*name) : quoted_name(*name);
  }
  line += '\n';
  return line;
}

std::string quoted_name(std::string_view name) {
  if (!needs_quotes(name)) return std::string(name);
  if (double_quotes_do(name)) return '"' + std::string(name) + '"';
  std::string out = "'";
  bool escaping = false;  // within $'…'
  for (std::string_view rest = name; !rest.empty();) {
    const Character character = first_character(rest);
    rest.remove_prefix(character.bytes.size());
    if (character.bytes == "'") {
      out += "'\\''";
      escaping = false;
    } else if (character.printable) {
      if (escaping) out += "''";
      escaping = false;
      out += character.bytes;
    } else {
      if (!escaping) out += "'$'";
      escaping = true;
      append_escaped(out, character.bytes);
    }
  }
  out += '\'';
  return out;
}

}  // namespace uwc
