#include "tests/lint/tokens.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace lint {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

template <size_t kSize>
bool one_of(std::string_view text, const std::array<std::string_view, kSize>& set) {
  return std::find(set.begin(), set.end(), text) != set.end();
}

// After these words, a bracket begins an expression (a lambda, a braced value).
constexpr std::array<std::string_view, 7> kBeforeExpression = {
    "return", "co_return", "co_await", "co_yield", "case", "throw", "else"};
// After these words, `{` opens a block.
constexpr std::array<std::string_view, 10> kBeforeBlock = {
    "else",  "do",       "try",   "mutable",   "noexcept",
    "const", "override", "final", "constexpr", "consteval"};
constexpr std::array<std::string_view, 5> kDeclaresScope = {"class", "struct", "union", "enum",
                                                            "namespace"};

std::vector<Token> split(std::string_view code, int line) {
  std::vector<Token> tokens;
  size_t at = 0;
  while (at < code.size()) {
    const char c = code[at];
    if (c == '\n') ++line;
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\\') {
      ++at;
      continue;
    }
    size_t end = at + 1;
    if (is_word(c)) {
      const bool number = std::isdigit(static_cast<unsigned char>(c)) != 0;
      while (end < code.size() && (is_word(code[end]) || (number && code[end] == '\''))) ++end;
    } else if (c == '"' || c == '\'') {
      end = std::min(code.find(c, end), code.size() - 1) + 1;  // Contents are blank already.
    } else {
      for (const std::string_view two : {"::", "->", "&&", "||", "==", "!=", "<=", ">="}) {
        if (code.substr(at, 2) == two) end = at + 2;
      }
    }
    Token token;
    token.text = code.substr(at, end - at);
    token.line = line;
    line += static_cast<int>(std::count(token.text.begin(), token.text.end(), '\n'));
    tokens.push_back(token);
    at = end;
  }
  return tokens;
}

class Brackets {
 public:
  explicit Brackets(std::vector<Token>& tokens) : tokens_(tokens) {}

  void run() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const std::string_view text = tokens_[i].text;
      tokens_[i].match = i;
      if (text == ")" || text == "]" || text == "}") {
        close(i);
        tokens_[i].parent = innermost();
        continue;
      }
      tokens_[i].parent = innermost();
      if (text == "(" || text == "[" || text == "{") {
        tokens_[i].bracket = classify(i);
        open_.push_back({i, false});
      } else if (text == ";") {
        if (!open_.empty()) open_.back().lambda = false;
      }
    }
  }

 private:
  struct Open {
    size_t at;
    bool lambda;  // Captures were closed in here, and their lambda's body has not begun.
  };

  size_t innermost() const { return open_.empty() ? Token::kTopLevel : open_.back().at; }

  std::string_view before(size_t i, size_t distance = 1) const {
    return i < distance ? std::string_view(";") : tokens_[i - distance].text;
  }

  bool parent_is(Bracket bracket) const {
    return !open_.empty() && tokens_[open_.back().at].bracket == bracket;
  }

  void close(size_t i) {
    const std::string_view text = tokens_[i].text;
    const std::string_view opener = text == ")" ? "(" : text == "]" ? "[" : "{";
    // Where something does not pair up (a branch of #if), forget what cannot be closed any more.
    size_t depth = open_.size();
    while (depth > 0 && tokens_[open_[depth - 1].at].text != opener) --depth;
    if (depth == 0) return;
    const size_t partner = open_[depth - 1].at;
    open_.resize(depth - 1);
    tokens_[i].match = partner;
    tokens_[partner].match = i;
    if (tokens_[partner].bracket == Bracket::kCaptures) lambda_pending() = true;
  }

  bool& lambda_pending() { return open_.empty() ? top_lambda_ : open_.back().lambda; }

  Bracket classify(size_t i) {
    const std::string_view text = tokens_[i].text;
    if (text == "(") return classify_parentheses(i);
    if (text == "[") return classify_square(i);
    return classify_braces(i);
  }

  Bracket classify_parentheses(size_t i) const {
    size_t keyword = 1;
    if (before(i) == "constexpr") keyword = 2;
    const std::string_view word = before(i, keyword);
    if (word == "if" || word == "while" || word == "switch") return Bracket::kCondition;
    if (word == "for") return Bracket::kFor;
    if (word.starts_with("EXPECT_") || word.starts_with("ASSERT_")) return Bracket::kTestMacro;
    return Bracket::kParentheses;
  }

  Bracket classify_square(size_t i) const {
    const std::string_view previous = before(i);
    const bool next_is_square = i + 1 < tokens_.size() && tokens_[i + 1].text == "[";
    if (next_is_square || previous == "[") return Bracket::kSubscript;  // An attribute.
    const bool names = is_word(previous.back()) && !one_of(previous, kBeforeExpression);
    if (names || previous == ")" || previous == "]" || previous == "}" || previous.front() == '"') {
      // After `}`, only a block's end can be followed by a lambda, and hardly ever is.
      return Bracket::kSubscript;
    }
    const bool reference = previous == "&" || previous == "&&";
    if (reference && before(i, 2) == "auto") return Bracket::kSubscript;  // A structured binding.
    return Bracket::kCaptures;
  }

  Bracket classify_braces(size_t i) {
    if (lambda_pending()) {
      lambda_pending() = false;
      tokens_[i].lambda_body = true;
      return Bracket::kBlock;
    }
    const std::string_view previous = before(i);
    if (previous == "(") {
      return has_semicolon(i) ? Bracket::kStatementExpression : Bracket::kInitializer;
    }
    if (previous == ")" || previous == ";" || one_of(previous, kBeforeBlock))
      return Bracket::kBlock;
    if (previous == "]") {
      const size_t open = tokens_[i - 1].match;
      const bool attribute = before(i, 2) == "]";
      return attribute || tokens_[open].bracket == Bracket::kCaptures ? Bracket::kBlock
                                                                      : Bracket::kInitializer;
    }
    if (previous == "{" || previous == "}") {
      return parent_is(Bracket::kInitializer) ? Bracket::kInitializer : Bracket::kBlock;
    }
    if (previous == ":") return Bracket::kBlock;  // After a label.
    if ((previous == "&" || previous == "&&") && (before(i, 2) == ")" || before(i, 2) == "const")) {
      return Bracket::kBlock;  // A member function for lvalues or rvalues.
    }
    if (previous.front() == '"')
      return before(i, 2) == "extern" ? Bracket::kBlock : Bracket::kInitializer;
    if (is_word(previous.back()) || previous == ">" || previous == "*" || previous == "&") {
      return declares_block(i) ? Bracket::kBlock : Bracket::kInitializer;
    }
    return Bracket::kInitializer;
  }

  // Whether the braces at `i` belong to a class, enum or namespace, or to a function with a
  // trailing return type.
  bool declares_block(size_t i) const {
    bool arrow = false;
    for (size_t k = i; k-- > 0;) {
      const Token& token = tokens_[k];
      if (token.match < k) {  // A closed pair: step over it.
        if (token.text == "}") return false;
        if (arrow && token.text == ")") return true;
        arrow = false;
        k = token.match;
        continue;
      }
      if (token.text == ";" || token.text == "{" || token.text == "(" || token.text == "=" ||
          token.text == "return" || token.text == "co_return" || token.text == "co_await") {
        return false;
      }
      if (token.text == "requires") return true;
      if (one_of(token.text, kDeclaresScope) && before(k) != "<" && before(k) != ",") return true;
      if (token.text == "->") {
        arrow = true;
      } else if (token.text != "noexcept" && token.text != "mutable" && token.text != "const") {
        arrow = false;
      }
    }
    return false;
  }

  bool has_semicolon(size_t open) const {
    int depth = 0;
    for (size_t k = open; k < tokens_.size(); ++k) {
      const std::string_view text = tokens_[k].text;
      if (text == "(" || text == "[" || text == "{") ++depth;
      if (text == ")" || text == "]" || text == "}") --depth;
      if (depth == 0) return false;
      if (depth == 1 && text == ";") return true;
    }
    return false;
  }

  std::vector<Token>& tokens_;
  std::vector<Open> open_;
  bool top_lambda_ = false;
};

}  // namespace

std::vector<Token> tokenize(std::string_view code, int first_line) {
  std::vector<Token> tokens = split(code, first_line);
  Brackets(tokens).run();
  return tokens;
}

}  // namespace lint
