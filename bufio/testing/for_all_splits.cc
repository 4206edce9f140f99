#include "bufio/testing/for_all_splits.h"

namespace bufio::testing {

void for_each_split(std::string_view input, const SplitOptions& options,
                    absl::FunctionRef<bool(const Split&)> use) {
  if (!use(Split::whole(input))) return;
  if (input.size() < 2) return;
  if (!use(Split::one_byte_each(input)) || !use(Split::halves(input))) return;
  if (input.size() <= options.every_cut_up_to) {
    for (size_t cut = 1; cut < input.size(); ++cut) {
      if (!use(Split::at(input, {cut}))) return;
    }
  }
  if (input.size() <= options.every_two_cuts_up_to) {
    for (size_t first = 1; first + 1 < input.size(); ++first) {
      for (size_t second = first + 1; second < input.size(); ++second) {
        if (!use(Split::at(input, {first, second}))) return;
      }
    }
    return;
  }
  for (size_t i = 0; i < options.seeds; ++i) {
    if (!use(Split::random(input, options.first_seed + i))) return;
  }
}

}  // namespace bufio::testing
