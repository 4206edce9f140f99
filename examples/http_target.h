// examples/http_target.h
//
// From the target of a request to a path below the root directory, and what the path's end says
// about what it holds.
//
// Pure functions.

#ifndef EXAMPLES_HTTP_TARGET_H_
#define EXAMPLES_HTTP_TARGET_H_

#include <optional>
#include <string>
#include <string_view>

namespace http {

struct TargetPath {
  std::string path;        // relative, "." for the root; no "." nor ".." in it, no empty segments
  bool directory = false;  // the target ends with a slash
};

// Percent-decodes and normalises the path of "/a%20b?query" or "http://host/a%20b". Nothing for
// what is malformed (a '%' without two digits, no slash in front), holds a NUL or climbs above the
// root.
std::optional<TargetPath> path_of_target(std::string_view target);

// The value of Content-Type for a file of that name.
std::string_view content_type(std::string_view path);

}  // namespace http

#endif  // EXAMPLES_HTTP_TARGET_H_
