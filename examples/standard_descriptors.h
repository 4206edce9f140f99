// examples/standard_descriptors.h
//
// For programs that may be started with standard input, output or error closed.

#ifndef EXAMPLES_STANDARD_DESCRIPTORS_H_
#define EXAMPLES_STANDARD_DESCRIPTORS_H_

// Were one of the three standard descriptors closed, the next file that is opened (a ring, say)
// would get its number. What this puts in its place is opened the wrong way around, so that using
// it still fails. False: that cannot be done either.
bool occupy_standard_descriptors();

#endif  // EXAMPLES_STANDARD_DESCRIPTORS_H_
