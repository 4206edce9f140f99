// tests/kit/test_parsers.h
//
// Parsers for tests of the kit: a good one, and one for each thing that a parser may do wrong.

#ifndef TESTS_KIT_TEST_PARSERS_H_
#define TESTS_KIT_TEST_PARSERS_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parser.h"

namespace bufio::testing {

// Words that end with a dot. '!' at a word's start is an error; '#' and a digit: so many bytes to
// pass over.
struct WordParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool /*final*/) {
    if (view.empty()) return NeedMore();
    if (view[0] == '#') {
      if (view.size() < 2) return NeedMore(0, 2);
      if (view[1] < '0' || view[1] > '9') {
        return ParseError(absl::InvalidArgumentError("no digit"), 1);
      }
      return Skip(2 + static_cast<size_t>(view[1] - '0'));
    }
    if (view[0] == '!') return ParseError(absl::InvalidArgumentError("a bang"));
    const size_t dot = view.find('.', examined);
    if (dot == std::string_view::npos) return NeedMore(view.size());
    return {view.substr(0, dot), dot + 1};
  }
};

// A digit and as many bytes; the digit is consumed by itself. The last message may end early.
struct PrefixParser {
  using value_type = std::string;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool final) {
    if (!length.has_value()) {
      if (view.empty()) return NeedMore();
      if (view[0] < '0' || view[0] > '9') {
        return ParseError(absl::InvalidArgumentError("no digit"));
      }
      if (view[0] == '0') return {std::string(), 1};
      length = static_cast<size_t>(view[0] - '0');
      return NeedMore::after(1, 1, 1 + *length);
    }
    if (view.size() < *length && !final) return NeedMore(view.size(), *length);
    const size_t size = std::min(view.size(), *length);
    return {std::string(view.substr(0, size)), size};
  }
  void accepted() { length.reset(); }

  std::optional<size_t> length;
};

// The rest are words, too, but

// looks for its dot from the start each time,
struct RescanningParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    const size_t dot = view.find('.');
    if (dot == std::string_view::npos) return NeedMore();
    return {view.substr(0, dot), dot + 1};
  }
};

// takes what it is shown for a word,
struct HastyParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    if (view.empty()) return NeedMore();
    const size_t dot = view.find('.');
    if (dot == std::string_view::npos) return {view, view.size()};
    return {view.substr(0, dot), dot + 1};
  }
};

// says that it has examined the last byte, which it may have to see again ("..") ends a word here),
struct ForgetfulParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool /*final*/) {
    const size_t end = view.find("..", examined);
    if (end == std::string_view::npos) return NeedMore(view.size());
    return {view.substr(0, end), end + 2};
  }
};

// keeps a pointer into a view that is gone,
struct DanglingParser {
  using value_type = std::string;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool /*final*/) {
    if (examined == 0) first = view;
    const size_t dot = view.find('.', examined);
    if (dot == std::string_view::npos) return NeedMore(view.size());
    return {std::string(first.substr(0, dot)), dot + 1};
  }

  std::string_view first;
};

// takes more than there is,
struct GreedyParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    if (view.empty()) return NeedMore();
    return {view, view.size() + 1};
  }
};

// takes nothing,
struct StuckParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    if (view.empty()) return NeedMore();
    return {view.substr(0, 0), 0};
  }
};

// passes over nothing,
struct SkippingNothingParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    if (view.empty()) return NeedMore();
    return Skip(0);
  }
};

// forgets its message when it gives it, not when it is accepted,
struct UnrepeatableParser {
  using value_type = std::string;

  ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    if (!length.has_value()) {
      if (view.empty()) return NeedMore();
      length = static_cast<size_t>(view[0] - '0');
      return NeedMore::after(1, 1, 1 + *length);
    }
    if (view.size() < *length) return NeedMore(view.size(), *length);
    const size_t size = *length;
    length.reset();
    return {std::string(view.substr(0, size)), size};
  }

  std::optional<size_t> length;
};

// counts on seeing the end only behind the data: the last word needs no dot, but then gets none,
struct EarlyEndParser {
  using value_type = std::string;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool final) {
    const size_t dot = view.find('.');
    if (dot != std::string_view::npos) return {std::string(view.substr(0, dot)), dot + 1};
    if (final && !view.empty() && examined == view.size()) return {std::string(view), view.size()};
    return NeedMore(view.size());
  }
};

// and names another place for its error the later it sees it.
struct LateErrorParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool /*final*/) {
    const size_t bang = view.find('!', examined);
    if (bang != std::string_view::npos) {
      return ParseError(absl::InvalidArgumentError("a bang"), view.size());
    }
    const size_t dot = view.find('.', examined);
    if (dot == std::string_view::npos) return NeedMore(view.size());
    return {view.substr(0, dot), dot + 1};
  }
};

}  // namespace bufio::testing

#endif  // TESTS_KIT_TEST_PARSERS_H_
