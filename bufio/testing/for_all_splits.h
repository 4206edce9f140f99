// bufio/testing/for_all_splits.h
//
// A test, once for every way in which its input can arrive.
//
//   bufio::testing::for_all_splits("GET / HTTP/1.1\r\n\r\n", [&](const Split& split) {
//     bufio::Reader reader = bufio::read_source(bufio::testing::scripted(split));
//     …
//   });
//
// All at once, one byte at a time, halves; every one cut and every two cuts where the input is
// small; splits by seed where it is not.

#ifndef BUFIO_TESTING_FOR_ALL_SPLITS_H_
#define BUFIO_TESTING_FOR_ALL_SPLITS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "bufio/testing/split.h"
#include "uring/status.h"

namespace bufio::testing {

struct SplitOptions {
  size_t every_cut_up_to = 512;      // the longest input that is cut at every place
  size_t every_two_cuts_up_to = 64;  // and at every two places, which makes n²/2 splits
  size_t seeds = 32;                 // random splits of inputs that are longer than that
  uint64_t first_seed = 1;
};

// Calls `use` for each split until it returns false.
void for_each_split(std::string_view input, const SplitOptions& options,
                    absl::FunctionRef<bool(const Split&)> use);

// Calls `test(split)` for each. If that returns a status, the first one that is not OK ends it, and
// is returned with the split's name in front.
template <class Test>
auto for_all_splits(std::string_view input, Test test, const SplitOptions& options = {}) {
  if constexpr (std::is_void_v<std::invoke_result_t<Test&, const Split&>>) {
    for_each_split(input, options, [&test](const Split& split) {
      test(split);
      return true;
    });
  } else {
    absl::Status status;
    for_each_split(input, options, [&test, &status](const Split& split) {
      status = test(split);
      if (!status.ok()) status = uring::annotate(status, split.name());
      return status.ok();
    });
    return status;
  }
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_FOR_ALL_SPLITS_H_
