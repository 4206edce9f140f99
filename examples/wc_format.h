// examples/wc_format.h
//
// How GNU wc lays out its lines and quotes the names of files. Found by experiment with coreutils
// 9.1; tests/uwc_test.cc compares with the wc at hand.

#ifndef EXAMPLES_WC_FORMAT_H_
#define EXAMPLES_WC_FORMAT_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace uwc {

// The width of a count: the digits of the summed sizes of all regular files, and at least 7 where
// something is not a regular file and so may be of any size. What could not be looked at does not
// count.
int column_width(const std::vector<std::optional<struct stat>>& inputs);

// "    1     3 name\n"; without a name for standard input that was not asked for by name.
std::string count_line(uint64_t lines, uint64_t bytes, int width,
                       std::optional<std::string_view> name);

// `name` as a message shows it: quoted for a shell if a shell would not take it as it is, or if it
// contains a colon, which would look like the end of the name.
std::string quoted_name(std::string_view name);

}  // namespace uwc

#endif  // EXAMPLES_WC_FORMAT_H_
