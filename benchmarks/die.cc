#include "benchmarks/die.h"

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <system_error>

namespace bench {

void die(std::string_view what, int error) {
  std::cerr << "benchmark: " << what;
  if (error != 0) std::cerr << ": " << std::generic_category().message(error);
  std::cerr << '\n';
  std::_Exit(1);
}

}  // namespace bench
