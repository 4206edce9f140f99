#include "tests/lint/source_text.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace lint {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {
    for (std::string* layer : {&out_.code, &out_.comments, &out_.directives}) {
      layer->assign(text.size(), ' ');
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') (*layer)[i] = '\n';
      }
    }
  }

  SourceText run() {
    while (at_ < text_.size()) step();
    return std::move(out_);
  }

 private:
  bool sees(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

  // Moves on to `end`, handing the text to `layer`.
  void take(std::string& layer, size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_) layer[at_] = text_[at_];
  }

  // Past the end of the line that a directive or // comment stands on; a backslash before the break
  // continues it.
  size_t end_of_line() const {
    size_t end = at_;
    while (end < text_.size() && (text_[end] != '\n' || text_[end - 1] == '\\')) ++end;
    return end;
  }

  size_t after(std::string_view what, size_t from) const {
    const size_t found = text_.find(what, from);
    return found == std::string_view::npos ? text_.size() : found + what.size();
  }

  std::string& code() { return in_directive_ ? out_.directives : out_.code; }

  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      if (at_ == 0 || text_[at_ - 1] != '\\') in_directive_ = false;
      line_is_blank_ = true;
      ++at_;
    } else if (sees("//")) {
      take(out_.comments, end_of_line());
    } else if (sees("/*")) {
      take(out_.comments, after("*/", at_ + 2));
    } else if (c == '#' && line_is_blank_) {
      in_directive_ = true;
      take(out_.directives, at_ + 1);
    } else if (c == '"') {
      take_literal();
    } else if (c == '\'') {
      take_literal();
    } else if (is_word(c)) {
      take_word();
    } else {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) line_is_blank_ = false;
      take(code(), at_ + 1);
    }
  }

  // A name or a number (with its digit separators), and the raw string that it may be the prefix
  // of.
  void take_word() {
    line_is_blank_ = false;
    const bool number = std::isdigit(static_cast<unsigned char>(text_[at_])) != 0;
    size_t end = at_;
    while (end < text_.size() &&
           (is_word(text_[end]) ||
            (number && text_[end] == '\'' && end + 1 < text_.size() && is_word(text_[end + 1])))) {
      ++end;
    }
    const std::string_view word = text_.substr(at_, end - at_);
    take(code(), end);
    const bool raw = word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R";
    if (!raw || !sees("\"")) return;
    const size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) return;
    const std::string close = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
    const size_t past = after(close, open);
    code()[at_] = '"';
    code()[past - 1] = '"';
    at_ = past;
  }

  void take_literal() {
    line_is_blank_ = false;
    const char quote = text_[at_];
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    end = std::min(end, text_.size() - 1);
    code()[at_] = quote;
    if (text_[end] == quote) {
      code()[end] = quote;
      ++end;
    }
    at_ = end;
  }

  const std::string_view text_;
  SourceText out_;
  size_t at_ = 0;
  bool line_is_blank_ = true;  // Nothing but white space so far on this line.
  bool in_directive_ = false;
};

}  // namespace

SourceText split_source(std::string_view text) { return Splitter(text).run(); }

std::string cpp_blocks(std::string_view markdown) {
  std::string out;
  std::string fence;  // What closes the block that we are in; empty outside.
  bool keep = false;
  size_t begin = 0;
  while (begin < markdown.size()) {
    const size_t end = std::min(markdown.find('\n', begin), markdown.size());
    const std::string_view line = markdown.substr(begin, end - begin);
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    std::string_view rest = line.substr(indent);
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.back())) != 0) {
      rest.remove_suffix(1);
    }
    bool keep_line = false;
    if (fence.empty()) {
      const size_t ticks = std::min(rest.find_first_not_of('`'), rest.size());
      if (ticks >= 3) {
        fence = rest.substr(0, ticks);
        keep = rest.substr(ticks) == "cpp";
      }
    } else if (rest == fence) {
      fence.clear();
    } else {
      keep_line = keep;
    }
    out += keep_line ? std::string(line) : std::string(line.size(), ' ');
    if (end < markdown.size()) out += '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace lint
