#include "tests/apps/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/program.h"

namespace testing_programs {
namespace {

constexpr int kPatienceInMs = static_cast<int>(std::chrono::milliseconds(kPatience).count());

bool readable(int fd) {
  pollfd poll_fd = {fd, POLLIN, 0};
  return poll(&poll_fd, 1, kPatienceInMs) == 1;
}

std::string first_line(int fd) {
  std::string line;
  char byte = 0;
  while (byte != '\n' && readable(fd) && read(fd, &byte, 1) == 1) line += byte;
  return line;
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 1);  // leave it the processor
  }
  return true;
}

ServerProcess::ServerProcess(const std::string& program, std::vector<std::string> arguments) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
  Program server;
  server.arguments = {built("examples/" + program), "--port=0"};
  server.arguments.insert(server.arguments.end(), arguments.begin(), arguments.end());
  server.out = ends[1];
  server.err = STDERR_FILENO;
  process_ = server.start();
  close(ends[1]);
  std::string line = first_line(ends[0]);
  close(ends[0]);
  if (line.starts_with("listening on "))
    port_ = static_cast<uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  sockets_at_first_ = sockets();
}

ServerProcess::~ServerProcess() {
  if (process_ < 0) return;
  signal(SIGKILL);
  wait();
}

std::string ServerProcess::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

int ServerProcess::wait() {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, process_, 0));
  bool ended = fd >= 0 && readable(fd);
  close(fd);
  return ended ? wait_for(std::exchange(process_, -1)) : kNeverEnds;
}

int ServerProcess::stop(int number) {
  signal(number);
  return wait();
}

size_t ServerProcess::descriptors() const {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(process_) + "/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

size_t ServerProcess::sockets() const {
  size_t count = 0;
  std::error_code gone;
  for (const auto& one :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process_) + "/fd", gone)) {
    const std::string what = std::filesystem::read_symlink(one, gone).string();
    count += what.starts_with("socket:");
  }
  return count;
}

size_t ServerProcess::resident_bytes() const {
  std::ifstream status("/proc/" + std::to_string(process_) + "/status");
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view kName = "VmRSS:";
    if (line.starts_with(kName)) return std::stoul(line.substr(kName.size())) * 1024;
  }
  return 0;
}

}  // namespace testing_programs
