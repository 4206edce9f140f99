// benchmarks/net_load.h
//
// The load of a server: connections that each have some requests outstanding, all the time.
//
// Hand-written io_uring: it must not be what limits a server on another core. Requests are sent
// from where they are, whatever a wake-up completed is asked anew in one send, and every byte that
// comes back is compared. An answer that is wrong, or a connection that ends, ends the program.
//
// By default it never sleeps: what is measured is how the server waits, not how its client does.

#ifndef BENCHMARKS_NET_LOAD_H_
#define BENCHMARKS_NET_LOAD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "benchmarks/net_script.h"

namespace bench {

struct LoadOptions {
  std::string host = "127.0.0.1";  // IPv4
  uint16_t port = 0;
  size_t connections = 1;
  size_t outstanding = 1;  // requests of each
  bool sleep = false;      // when nothing has come
};

struct LoadResult {
  uint64_t messages = 0;  // that were answered
  uint64_t bytes = 0;     // that came back
  double seconds = 0;
};

class Load {
 public:
  // Connects. `script` outlives it.
  Load(const LoadOptions& options, const Script& script);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  // Goes on with the conversation for `duration`. What is outstanding at its end stays so.
  LoadResult run(std::chrono::nanoseconds duration);

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

// A connection to host:port. `patience`: how long a refusal is no error, since a server may be
// about to start.
int connect_to(const std::string& host, uint16_t port, std::chrono::nanoseconds patience);

}  // namespace bench

#endif  // BENCHMARKS_NET_LOAD_H_
