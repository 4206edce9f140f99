#include "tests/lint/co_await_rules.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/lint/tokens.h"

namespace lint {
namespace {

class Checker {
 public:
  explicit Checker(std::string_view code, int first_line) : tokens_(tokenize(code, first_line)) {}

  void run(Findings& findings) const {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].text != "co_await") continue;
      if (std::string message = complaint(i); !message.empty()) {
        findings.push_back({tokens_[i].line, std::move(message)});
      }
    }
  }

 private:
  // Empty where the co_await at `i` is fine.
  std::string complaint(size_t i) const {
    if (awaits_copying_lambda(i)) {
      return "co_await of an expression that makes a lambda that captures copies: name the lambda "
             "first";
    }
    // From the co_await outwards to the body that it runs in.
    for (size_t at = i;; at = tokens_[at].parent) {
      if (in_ternary(at)) return "co_await in a ternary: use if and else";
      const size_t parent = tokens_[at].parent;
      if (parent == Token::kTopLevel) return "";
      switch (tokens_[parent].bracket) {
        case Bracket::kBlock:
          return "";
        case Bracket::kStatementExpression:
          return "co_await in a statement expression: make the macro a statement";
        case Bracket::kInitializer:
          return "co_await in braces: assign it to a local first";
        case Bracket::kTestMacro:
          return "co_await in the arguments of a test macro: assign it to a local first";
        case Bracket::kCondition:
          if (semicolons_after(at) == 0)
            return "co_await in a condition: assign it to a local first";
          break;
        case Bracket::kFor:
          // Two semicolons: not a range-based one, whose range may well be awaited.
          if (semicolons_after(parent + 1) == 2 && semicolons_after(at) < 2) {
            return "co_await in the condition of a for: test a local inside the loop";
          }
          break;
        default:
          break;
      }
    }
  }

  // The next token at the same depth, or the end of what encloses it.
  size_t next(size_t i) const { return std::max(tokens_[i].match, i) + 1; }

  bool ends_operand(size_t i) const {
    if (i >= tokens_.size()) return true;
    const std::string_view text = tokens_[i].text;
    return text == ";" || text == "," || text == ")" || text == "]" || text == "}";
  }

  bool awaits_copying_lambda(size_t i) const {
    size_t end = i + 1;
    while (!ends_operand(end)) end = next(end);
    for (size_t k = i + 1; k < end; ++k) {
      const Token& token = tokens_[k];
      if (token.lambda_body) {
        k = std::max(token.match, k);
      } else if (token.bracket == Bracket::kCaptures && captures_copies(k)) {
        return true;
      }
    }
    return false;
  }

  // Whether the lambda whose captures open at `i` has members of its own to destroy: any capture
  // but references and `this` counts.
  bool captures_copies(size_t i) const {
    bool first = true;
    for (size_t k = i + 1; k < tokens_[i].match; k = next(k)) {
      const std::string_view text = tokens_[k].text;
      if (first && text != "&" && text != "this") return true;
      first = text == ",";
    }
    return false;
  }

  // Whether the expression that `i` belongs to, at its own depth, is a ternary.
  bool in_ternary(size_t i) const {
    for (size_t k = i; !ends_operand(k); k = next(k)) {
      if (tokens_[k].text == "?") return true;
      if (starts_block(k)) break;
    }
    for (size_t k = i; k-- > 0;) {
      const Token& token = tokens_[k];
      if (token.match < k) {
        if (starts_block(token.match)) return false;
        k = token.match;
        continue;
      }
      if (token.bracket != Bracket::kNone || token.text == ";" || token.text == ",") return false;
      if (token.text == "?") return true;
    }
    return false;
  }

  bool starts_block(size_t i) const {
    return tokens_[i].bracket == Bracket::kBlock && !tokens_[i].lambda_body;
  }

  // From `i` to the closing parenthesis around it.
  int semicolons_after(size_t i) const {
    int count = 0;
    for (size_t k = i; k < tokens_.size() && tokens_[k].text != ")"; k = next(k)) {
      if (tokens_[k].text == ";") ++count;
    }
    return count;
  }

  const std::vector<Token> tokens_;
};

// Each macro definition, with its continuation lines, by itself.
void check_macros(std::string_view directives, Findings& findings) {
  int line = 1;
  while (!directives.empty()) {
    size_t end = 0;
    while (end < directives.size() &&
           (directives[end] != '\n' || (end > 0 && directives[end - 1] == '\\'))) {
      ++end;
    }
    const std::string_view directive = directives.substr(0, end);
    if (directive.find("define") != std::string_view::npos) Checker(directive, line).run(findings);
    line += static_cast<int>(std::count(directive.begin(), directive.end(), '\n')) + 1;
    directives.remove_prefix(std::min(end + 1, directives.size()));
  }
}

}  // namespace

Findings check_co_await(const SourceText& source) {
  Findings findings;
  Checker(source.code, 1).run(findings);
  check_macros(source.directives, findings);
  return findings;
}

}  // namespace lint
