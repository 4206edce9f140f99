// tools/fuzz_replay_main.cc
//
// The main function of a fuzz target outside --config=fuzz: runs the target over the files named on
// the command line (its seed corpus and every input that once broke it) and over nothing at all, so
// that each test run keeps them fixed.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') continue;  // A flag for libFuzzer.
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot open %s\n", argv[i]);
      return 1;
    }
    const std::string input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
  std::printf("%d input(s) replayed\n", argc);
  return 0;
}
