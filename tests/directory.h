// tests/directory.h
//
// A directory for one test, with files to give to a program.

#ifndef TESTS_DIRECTORY_H_
#define TESTS_DIRECTORY_H_

#include <string>
#include <string_view>

namespace testing_programs {

// Removed with everything in it.
class Directory {
 public:
  Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory();

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Makes the folders on the way, too.
  void write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
};

}  // namespace testing_programs

#endif  // TESTS_DIRECTORY_H_
