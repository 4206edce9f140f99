#include "tests/directory.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace testing_programs {

Directory::Directory() : path_(testing::TempDir() + "/directory.XXXXXX") {
  EXPECT_NE(mkdtemp(path_.data()), nullptr);
}

Directory::~Directory() { std::filesystem::remove_all(path_); }

void Directory::write(std::string_view name, std::string_view bytes) const {
  const std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace testing_programs
