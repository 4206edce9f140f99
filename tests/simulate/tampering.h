// tests/simulate/tampering.h
//
// Ways to break a kernel, for tests of those who are to notice it.

#ifndef TESTS_SIMULATE_TAMPERING_H_
#define TESTS_SIMULATE_TAMPERING_H_

#include "tests/simulate/program.h"

namespace bufio::simulate {

// Each does it to the third read that brings bytes.
Sabotage corrupt_a_byte();     // after it was copied
Sabotage lose_a_byte();        // out of a read of two or more
Sabotage end_early();          // the end of the source, in the place of bytes
Sabotage lose_a_completion();  // somebody else's number on it
Sabotage end_the_process();

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_TAMPERING_H_
