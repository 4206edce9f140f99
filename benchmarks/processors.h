// benchmarks/processors.h
//
// Who runs where: the contestant on one core, whoever feeds it on another.
//
// A scheduler that moves the two about turns the same program into figures that differ by a factor
// of two.

#ifndef BENCHMARKS_PROCESSORS_H_
#define BENCHMARKS_PROCESSORS_H_

namespace bench {

struct Processors {
  int contestant;
  int feeder;  // The same as `contestant` where the process may use only one.
};

// The first two processors that the process may use when this is first called.
Processors processors();

// From now on the calling thread runs on `processor` only; threads and children that it starts
// inherit that.
void pin_this_thread(int processor);

}  // namespace bench

#endif  // BENCHMARKS_PROCESSORS_H_
