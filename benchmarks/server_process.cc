#include "benchmarks/server_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "benchmarks/die.h"
#include "benchmarks/processors.h"

namespace bench {
namespace {

// The port of "listening on ADDRESS:PORT\n", which is all that comes.
uint16_t read_port(int fd) {
  std::string said;
  char byte = 0;
  while (::read(fd, &byte, 1) == 1 && byte != '\n') said += byte;
  const size_t colon = said.rfind(':');
  if (colon == std::string::npos) die("a server did not come up", 0);
  return static_cast<uint16_t>(std::strtoul(said.c_str() + colon + 1, nullptr, 10));
}

}  // namespace

std::string built_path() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) die("/proc/self/exe", errno);
  const std::string self(path.data(), static_cast<size_t>(size));
  const std::string package = self.substr(0, self.rfind('/'));
  return package.substr(0, package.rfind('/'));
}

ServerProcess::ServerProcess(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) die("pipe", errno);
  child_ = ::fork();
  if (child_ < 0) die("fork", errno);
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_this_thread(processors().contestant);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execv(arguments[0], arguments.data());
    die(command[0], errno);
  }
  ::close(pipe[1]);
  port_ = read_port(pipe[0]);
  ::close(pipe[0]);
}

ServerProcess::~ServerProcess() {
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void ServerProcess::pause() { ::kill(child_, SIGSTOP); }
void ServerProcess::resume() { ::kill(child_, SIGCONT); }

uint64_t ServerProcess::private_memory() const {
  std::ifstream rollup("/proc/" + std::to_string(child_) + "/smaps_rollup");
  std::string word;
  uint64_t kilobytes = 0;
  while (rollup >> word) {
    if (word != "Private_Dirty:" && word != "Private_Clean:") continue;
    uint64_t size = 0;
    rollup >> size;
    kilobytes += size;
  }
  return kilobytes << 10;
}

}  // namespace bench
