// benchmarks/net_rivals.cc
//
// The hand-written servers as a program: net_rivals epoll|multishot|single, and then as net_rival.h
// says.

#include <string_view>

#include "benchmarks/die.h"
#include "benchmarks/net_rivals.h"

int main(int argc, char** argv) {
  const std::string_view which = argc > 1 ? argv[1] : "";
  const bench::RivalOptions options = bench::rival_options(argc, argv, 2);
  if (which == "epoll") bench::serve_epoll(options);
  if (which == "multishot") bench::serve_uring_multishot(options);
  if (which == "single") bench::serve_uring_single(options);
  bench::die("which server?", 0);
}
