#include "tests/program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace testing_programs {
namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

void redirect(int target, int fd) {
  if (fd == kClosed) {
    close(target);
    return;
  }
  const bool null = fd == kDefault;
  if (null) fd = open("/dev/null", O_RDWR);
  if (fd < 0 || dup2(fd, target) < 0) _exit(126);
  if (null && fd != target) close(fd);
}

// Reads a whole file from its start.
std::string contents(int fd) {
  std::string text;
  std::array<char, 1 << 16> piece;
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, piece.data(), piece.size(), at);
    if (got < 0) die("pread");
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
    at += got;
  }
}

int capture() {
  const int fd = memfd_create("captured", MFD_CLOEXEC);
  if (fd < 0) die("memfd_create");
  return fd;
}

}  // namespace

pid_t Program::start() const {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    redirect(STDIN_FILENO, in);
    redirect(STDOUT_FILENO, out);
    redirect(STDERR_FILENO, err);
    if (before_exec) before_exec();
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  return child;
}

Outcome Program::run() const {
  Program captured = *this;
  if (out == kDefault) captured.out = capture();
  if (err == kDefault) captured.err = capture();
  Outcome outcome;
  outcome.exit_status = wait_for(captured.start());
  if (out == kDefault) {
    outcome.out = contents(captured.out);
    close(captured.out);
  }
  if (err == kDefault) {
    outcome.err = contents(captured.err);
    close(captured.err);
  }
  return outcome;
}

int wait_for(pid_t process) {
  int status = 0;
  if (waitpid(process, &status, 0) != process) die("waitpid");
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

std::string built(const std::string& path) { return std::filesystem::absolute(path).string(); }

}  // namespace testing_programs
