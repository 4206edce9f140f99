// tests/uwc_test.cc
//
// The program //examples:uwc beside the real wc: the same output byte for byte, the same messages,
// the same exit status.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Arguments = std::vector<std::string>;

const std::string kUwc = built("examples/uwc");

// A descriptor that is closed at the end of its scope.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) { EXPECT_GE(fd, 0) << errno; }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd() { reset(); }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// The reading end of a pipe that holds `text` and whose writer is gone.
Fd pipe_with(std::string_view text) {
  std::array<int, 2> ends;
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(ends[1]);
  return Fd(ends[0]);
}

// Messages with the program's name taken off.
std::string without_name(std::string text, const std::string& name) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n') + 1, text.size());
    std::string line = text.substr(0, end);
    if (line.starts_with(name + ": ")) line = line.substr(name.size() + 2);
    out += line;
    text.erase(0, end);
  }
  return out;
}

// Works in an empty directory of its own.
class UwcTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("LC_ALL", "C", 1);
    old_directory_ = std::filesystem::current_path();
    std::string directory = testing::TempDir() + "/uwc.XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    directory_ = directory;
    std::filesystem::current_path(directory_);
    if (!Program{{"wc", "--version"}}.run().out.starts_with("wc (GNU coreutils)"))
      GTEST_SKIP() << "no GNU wc to compare with";
  }
  void TearDown() override {
    std::filesystem::current_path(old_directory_);
    std::filesystem::remove_all(directory_);
  }

  static void make_file(const std::string& name, std::string_view text) {
    std::ofstream(name, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  static Outcome wc(Arguments arguments, Program how = {}) {
    how.arguments = {"wc", "-l", "-c"};
    how.arguments.insert(how.arguments.end(), arguments.begin(), arguments.end());
    return how.run();
  }
  static Outcome uwc(Arguments arguments, Program how = {}) {
    how.arguments = {kUwc};
    how.arguments.insert(how.arguments.end(), arguments.begin(), arguments.end());
    return how.run();
  }
  static void expect_same(const Outcome& wc, const Outcome& uwc) {
    EXPECT_EQ(uwc.out, wc.out);
    EXPECT_EQ(without_name(uwc.err, "uwc"), without_name(wc.err, "wc"));
    EXPECT_EQ(uwc.exit_status, wc.exit_status);
  }
  static void make_a_few_files() {
    make_file("empty", "");
    make_file("one", "one line\n");
    make_file("tail", "a line\nand no newline behind the second");
    make_file("newlines", std::string(1000, '\n'));
    make_file("binary", std::string("\0\n\xff\n\0", 5));
    make_file("longer", std::string(123'456, 'x'));
    make_file("two words", "x\n");
    make_file("two\nlines", "x\n");
    make_file("-l", "x\n");
    make_file("with:colon", "x\n");
    std::filesystem::create_directory("directory");
  }

 private:
  std::filesystem::path old_directory_;
  std::filesystem::path directory_;
};

TEST_F(UwcTest, PrintsWhatWcPrints) {
  make_a_few_files();
  const Arguments cases[] = {
      {"empty"},
      {"one"},
      {"tail"},
      {"newlines"},
      {"binary"},
      {"longer"},
      {"one", "tail"},
      {"longer", "empty", "one"},
      {"one", "one", "one"},
      {"two words", "two\nlines"},
      {"two\nlines"},
      {"with:colon", "./one"},
      {"--", "-l"},
      {"one", "--", "tail"},
      {"directory"},
      {"one", "directory", "tail"},
      {"missing"},
      {"missing", "one"},
      {"one", "missing", "longer"},
      {"missing", "gone too"},
      {"one/below"},
      {std::string(300, 'x'), "one"},
      {""},
      {"", "one"},
      {"one", "", "tail"},
      {"/dev/null"},
      {"/dev/null", "one"},
      {"/proc/version"},
      {"/proc/version", "one"},
      {"/proc/filesystems", "longer", "/proc/version"},
      {"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/no such file"},
  };
  for (const Arguments& arguments : cases) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    expect_same(wc(arguments), uwc(arguments));
  }
}

TEST_F(UwcTest, ReadsStandardInputAsWcDoes) {
  make_a_few_files();
  const Arguments cases[] = {{},
                             {"-"},
                             {"-", "one"},
                             {"one", "-"},
                             {"-", "-"},
                             {"-", "one", "-"},
                             {"missing", "-"},
                             {"/dev/stdin"},
                             {"/dev/stdin", "-"},
                             {"-", "/dev/stdin"}};
  for (const Arguments& arguments : cases) {
    for (const char* name :
         {"empty", "tail", "longer", "directory", "/dev/null", "/proc/version"}) {
      SCOPED_TRACE(testing::PrintToString(arguments) + " < " + name);
      const Fd for_wc(open(name, O_RDONLY | O_CLOEXEC));
      const Fd for_uwc(open(name, O_RDONLY | O_CLOEXEC));
      expect_same(wc(arguments, {.in = for_wc.get()}), uwc(arguments, {.in = for_uwc.get()}));
    }
    for (const std::string& text :
         {std::string(), std::string("two\nlines"), std::string(60'000, '\n')}) {
      SCOPED_TRACE(testing::PrintToString(arguments) + " from a pipe of " +
                   std::to_string(text.size()));
      const Fd for_wc = pipe_with(text);
      const Fd for_uwc = pipe_with(text);
      expect_same(wc(arguments, {.in = for_wc.get()}), uwc(arguments, {.in = for_uwc.get()}));
    }
  }
}

TEST_F(UwcTest, CountsStandardInputFromWhereItStandsAndLeavesItAtTheEnd) {
  make_file("file", "skipped\ncounted\n");
  const Fd file(open("file", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(lseek(file.get(), 8, SEEK_SET), 8);
  const Outcome outcome = uwc({"-"}, {.in = file.get()});
  EXPECT_EQ(outcome.out, " 1  8 -\n");
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 16);
}

TEST_F(UwcTest, SaysSoWhenStandardInputIsClosed) {
  make_file("one", "one line\n");
  for (const Arguments& arguments : {Arguments{}, Arguments{"-"}, Arguments{"-", "one"}}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Outcome theirs = wc(arguments, {.in = kClosed});
    const Outcome ours = uwc(arguments, {.in = kClosed});
    EXPECT_EQ(ours.out, theirs.out);
    EXPECT_EQ(ours.exit_status, 1);
    EXPECT_THAT(ours.err, HasSubstr("Bad file descriptor"));  // wc says it twice
  }
}

TEST_F(UwcTest, QuotesNamesAsWcDoes) {
  std::mt19937 random(20260701);
  constexpr std::string_view kNasty =
      "'':=~#{}[]\"$\\ !?*\n\t\a\x01\x7f\xc3\xa9\xff@%+,-./abAB09&()<>^`|;";
  Arguments names = {"'",  "''", "{",  "}",  "~",   "#",         "{}",
                     "a{", "x'", "~'", "#'", "a'~", "m\xc3\xa9'"};
  for (int i = 0; i < 1500; ++i) {
    std::string name(1 + random() % 6, ' ');
    for (char& c : name) c = kNasty[random() % kNasty.size()];
    if (name.front() == '-' || name.front() == '/' || name.front() == '.') name = "x" + name;
    // With an apostrophe in it and such a byte at its end, coreutils 9.1 loses track of its quotes.
    const auto last = static_cast<unsigned char>(name.back());
    if (name.find('\'') != std::string::npos && (last < ' ' || last >= 0x7f)) name += "x";
    names.push_back(name);
  }
  for (const char* locale : {"C", "C.UTF-8"}) {
    SCOPED_TRACE(locale);
    setenv("LC_ALL", locale, 1);
    expect_same(wc(names), uwc(names));
  }
}

TEST_F(UwcTest, ReportsWhatItMayNotRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  make_file("secret", "x\n");
  make_file("one", "one line\n");
  ASSERT_EQ(chmod("secret", 0), 0);
  expect_same(wc({"secret"}), uwc({"secret"}));
  expect_same(wc({"one", "secret", "one"}), uwc({"one", "secret", "one"}));
}

TEST_F(UwcTest, TakesMoreFilesThanItMayOpenAtOnce) {
  Arguments names;
  for (int i = 0; i < 2000; ++i) {
    names.push_back("file" + std::to_string(i));
    make_file(names.back(), std::string(static_cast<size_t>(i % 7), '\n') +
                                std::string(static_cast<size_t>(i), 'x'));
  }
  names.insert(names.begin() + 1000, "missing");
  const Outcome expected = wc(names);
  expect_same(expected, uwc(names));
  const auto forty_descriptors = [] {
    const rlimit limit = {40, 40};
    setrlimit(RLIMIT_NOFILE, &limit);
  };
  expect_same(expected, uwc(names, {.before_exec = forty_descriptors}));
}

TEST_F(UwcTest, CountsLargeFiles) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < 5'000'001) text += std::string(random() % 200, 'x') + "\n";
  make_file("text", text);
  make_file("sparse", "x\n");
  ASSERT_EQ(truncate("sparse", 48'000'003), 0);
  expect_same(wc({"text", "sparse", "text"}), uwc({"text", "sparse", "text"}));
}

TEST_F(UwcTest, PrintsTheSameInWhateverWayTheRingIsSetUp) {
  make_a_few_files();
  const Arguments arguments = {"longer", "missing", "tail", "directory", "/proc/version"};
  const Outcome expected = wc(arguments);
  for (const char* setup : {"deferred", "cooperative", "plain"}) {
    for (const char* fixed : {"0", "1"}) {
      SCOPED_TRACE(std::string(setup) + ", fixed buffers: " + fixed);
      const auto environment = [=] {
        setenv("URING_SETUP", setup, 1);
        setenv("URING_FIXED_BUFFERS", fixed, 1);
      };
      const Outcome outcome = uwc(arguments, {.before_exec = environment});
      if (outcome.err.find("does not know the way of setting up") != std::string::npos) continue;
      expect_same(expected, outcome);
    }
  }
}

TEST_F(UwcTest, FailsWhenItCannotWrite) {
  make_file("one", "one line\n");
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Outcome outcome = uwc({"one"}, {.out = full.get()});
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.err, "uwc: write error: No space left on device\n");

  const Outcome closed = uwc({"one"}, {.out = kClosed});
  EXPECT_EQ(closed.exit_status, 1);
  EXPECT_EQ(closed.err, "uwc: write error: Bad file descriptor\n");
  EXPECT_EQ(uwc({"--help"}, {.out = full.get()}).exit_status, 1);
}

TEST_F(UwcTest, DiesOfABrokenPipeAsWcDoes) {
  make_file("one", "one line\n");
  for (const bool ignored : {false, true}) {
    SCOPED_TRACE(ignored ? "SIGPIPE ignored" : "SIGPIPE kills");
    std::array<int, 2> ends;
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    close(ends[0]);
    const Fd broken(ends[1]);
    const auto disposition = [ignored] { signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL); };
    const Outcome ours = uwc({"one"}, {.out = broken.get(), .before_exec = disposition});
    const Outcome theirs = wc({"one"}, {.out = broken.get(), .before_exec = disposition});
    EXPECT_EQ(ours.exit_status, theirs.exit_status);
  }
}

TEST_F(UwcTest, SaysWhatItCost) {
  make_file("one", "one line\n");
  const Outcome outcome = uwc({"one", "--stats"});
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_EQ(outcome.out, "1 9 one\n");
  EXPECT_THAT(outcome.err, StartsWith("uwc: 9 bytes in "));
  for (const char* word : {"system calls", "reads", "read-ahead hits", "stalls"})
    EXPECT_THAT(outcome.err, HasSubstr(word));
}

TEST_F(UwcTest, HelpsAndRefusesUnknownOptions) {
  const Outcome help = uwc({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.out, StartsWith("Usage: uwc [--stats] [FILE]...\n"));
  const Outcome unknown = uwc({"--unknown"});
  EXPECT_EQ(unknown.exit_status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("Try 'uwc --help'"));
}

void forbid_io_uring(unsigned error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {std::size(program), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    _exit(125);
}

TEST_F(UwcTest, SaysWhatToDoWhereIoUringIsForbidden) {
  make_file("one", "one line\n");
  struct Case {
    unsigned error;
    const char* advice;
  };
  const Case cases[] = {
      {EPERM, "kernel.io_uring_disabled"},
      {ENOSYS, "seccomp"},
      {ENOMEM, "RLIMIT_MEMLOCK"},
      {EMFILE, "RLIMIT_NOFILE"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.advice);
    const auto forbid = [&each] { forbid_io_uring(each.error); };
    const Outcome outcome = uwc({"one"}, {.before_exec = forbid});
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("uwc: cannot set up io_uring: "));
    EXPECT_THAT(outcome.err, HasSubstr(each.advice));
  }
}

// Reads from a terminal until `text` has come; returns everything up to then.
std::string read_until(int terminal, std::string_view text) {
  std::string seen;
  std::array<char, 4096> piece;
  while (seen.find(text) == std::string::npos) {
    const ssize_t got = read(terminal, piece.data(), piece.size());
    if (got <= 0) break;  // EIO: the other side is gone
    seen.append(piece.data(), static_cast<size_t>(got));
  }
  return seen;
}

// As long as this test holds the FIFO open the job lasts, so the line must come.
TEST_F(UwcTest, DrawsAProgressLineOnATerminalAndErasesIt) {
  const Fd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(grantpt(terminal.get()), 0);
  ASSERT_EQ(unlockpt(terminal.get()), 0);
  Fd slave(open(ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  make_file("one", "one line\n");
  ASSERT_EQ(mkfifo("fifo", 0600), 0);
  Fd fifo(open("fifo", O_RDWR | O_CLOEXEC));
  ASSERT_EQ(write(fifo.get(), "line\n", 5), 5);

  const pid_t process = Program{{kUwc, "fifo", "one"}, kDefault, slave.get(), slave.get()}.start();
  slave.reset();
  const std::string progress = read_until(terminal.get(), "1 of 2 inputs");
  EXPECT_THAT(progress, StartsWith("\r"));
  EXPECT_THAT(progress, HasSubstr("\r14 B, "));
  EXPECT_EQ(progress.find('\n'), std::string::npos);
  fifo.reset();
  const std::string rest = read_until(terminal.get(), "nothing more");
  EXPECT_EQ(wait_for(process), 0);
  EXPECT_THAT(
      rest,
      testing::EndsWith(
          "\r\x1b[K      1       5 fifo\r\n      1       9 one\r\n      2      14 total\r\n"));
}

}  // namespace
}  // namespace testing_programs
