// benchmarks/server_process.h
//
// A server as a child process, on the contestants' core.

#ifndef BENCHMARKS_SERVER_PROCESS_H_
#define BENCHMARKS_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// Where Bazel puts what is built: //examples:echo_server is built_path() + "/examples/echo_server".
std::string built_path();

class ServerProcess {
 public:
  // Starts the program and waits until it prints "listening on ADDRESS:PORT".
  explicit ServerProcess(const std::vector<std::string>& command);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  // Kills it.
  ~ServerProcess();

  uint16_t port() const { return port_; }
  // Stops it, so that it does not use its core; has it go on.
  void pause();
  void resume();
  // Its memory, in bytes: what is resident and nobody else's.
  uint64_t private_memory() const;

 private:
  pid_t child_;
  uint16_t port_ = 0;
};

}  // namespace bench

#endif  // BENCHMARKS_SERVER_PROCESS_H_
