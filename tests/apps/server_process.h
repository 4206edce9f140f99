// tests/apps/server_process.h
//
// A server of //examples that runs beside the test, looked at from outside: its port, its
// descriptors, its memory, how it ends.

#ifndef TESTS_APPS_SERVER_PROCESS_H_
#define TESTS_APPS_SERVER_PROCESS_H_

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace testing_programs {

// How long a test waits for what must come; only a broken server lets it wait so long.
inline constexpr std::chrono::seconds kPatience(30);

// Looks at `condition` again and again, for as long as kPatience; whether it came true.
bool eventually(const std::function<bool()>& condition);

class ServerProcess {
 public:
  // Starts `program` of //examples (its label in `data`) and waits until it says where it listens.
  // What fails shows in port(): 0.
  explicit ServerProcess(const std::string& program, std::vector<std::string> arguments = {});
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();  // kills it if it runs

  uint16_t port() const { return port_; }
  std::string url(const std::string& path) const;

  void signal(int number) const { kill(process_, number); }
  // Waits for its end: the exit status, or minus the signal that ended it. kNeverEnds: it has not.
  static constexpr int kNeverEnds = -1000;
  int wait();
  int stop(int number = SIGTERM);

  size_t descriptors() const;
  // Those that are not its listeners'.
  size_t connections() const { return sockets() - sockets_at_first_; }
  size_t resident_bytes() const;

 private:
  size_t sockets() const;

  pid_t process_ = -1;  // -1: it has ended
  uint16_t port_ = 0;
  size_t sockets_at_first_ = 0;  // when nobody had connected
};

}  // namespace testing_programs

#endif  // TESTS_APPS_SERVER_PROCESS_H_
