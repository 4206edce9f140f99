// tools/header_check.cc
//
// Compiled once per header of a bufio_cc_library, with that header put before it by -include: a
// header that does not stand alone does not build.
