#include "benchmarks/processors.h"

#include <sched.h>

#include <cerrno>

#include "benchmarks/die.h"

namespace bench {

Processors processors() {
  static const Processors chosen = [] {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) die("sched_getaffinity", errno);
    Processors found{-1, -1};
    for (int i = 0; i < CPU_SETSIZE && found.feeder < 0; ++i) {
      if (!CPU_ISSET(static_cast<size_t>(i), &allowed)) continue;
      (found.contestant < 0 ? found.contestant : found.feeder) = i;
    }
    if (found.feeder < 0) found.feeder = found.contestant;
    return found;
  }();
  return chosen;
}

void pin_this_thread(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<size_t>(processor), &only);
  if (::sched_setaffinity(0, sizeof(only), &only) != 0) die("sched_setaffinity", errno);
}

}  // namespace bench
