// tests/program.h
//
// Runs a program to its end and says what it printed. For tests that look at a whole program from
// outside.

#ifndef TESTS_PROGRAM_H_
#define TESTS_PROGRAM_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace testing_programs {

struct Outcome {
  int exit_status = 0;  // or minus the signal that ended it
  std::string out;
  std::string err;
};

// Closed in the child when it stands for a descriptor.
inline constexpr int kClosed = -2;
// Standard input: /dev/null. Standard output and error: captured.
inline constexpr int kDefault = -1;

struct Program {
  std::vector<std::string> arguments;  // the first is the program, found by PATH
  int in = kDefault;
  int out = kDefault;
  int err = kDefault;
  std::function<void()> before_exec = nullptr;  // in the child

  // Starts it; returns its process id. Output that is not redirected is lost.
  pid_t start() const;
  // Runs it to its end.
  Outcome run() const;
};

// Waits for a process that start() made: its exit status, or minus the signal that ended it.
int wait_for(pid_t process);

// The path of something built in this repository, as "examples/uwc", absolute. Call it before
// changing directories.
std::string built(const std::string& path);

}  // namespace testing_programs

#endif  // TESTS_PROGRAM_H_
