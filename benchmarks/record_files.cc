#include "benchmarks/record_files.h"

#include <google/protobuf/any.pb.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "benchmarks/random.h"

namespace bench {
namespace {

constexpr uint64_t kSize = uint64_t{64} << 20;

constexpr std::array<absl::string_view, 12> kWords = {"backend",  "cache",   "client",   "commit",
                                                      "deadline", "flush",   "handler",  "index",
                                                      "leader",   "segment", "snapshot", "timeout"};

absl::string_view word(Random& random) { return kWords[random.below(kWords.size())]; }

template <class Append>
std::shared_ptr<const Corpus> made(const char* name, Append append) {
  auto random = std::make_shared<Random>(20240517);
  auto corpus = std::make_shared<const Corpus>(
      Corpus::open_or_make(name, kSize, [=](std::string& text) { append(text, *random); }));
  corpus->warm();
  return corpus;
}

}  // namespace

std::shared_ptr<const Corpus> line_file() {
  return made("lines-v1.txt", [](std::string& text, Random& random) {
    absl::StrAppend(&text, "2024-05-17T08:23:45.", random.below(1'000'000), "Z INFO ",
                    word(random));
    for (uint64_t words = random.below(7); words > 0; --words) {
      absl::StrAppend(&text, " ", word(random));
    }
    text += '\n';
  });
}

std::shared_ptr<const Corpus> csv_file() {
  return made("records-v1.csv", [](std::string& text, Random& random) {
    absl::StrAppend(&text, random.below(10'000'000), ",", word(random), ",\"", word(random), ", ",
                    word(random));
    if (random.below(10) == 0) absl::StrAppend(&text, " \"\"", word(random), "\"\"");
    absl::StrAppend(&text, "\",", random.below(1000), ".", random.below(100), ",2024-05-",
                    10 + random.below(20), ",", word(random), ",", random.below(2) == 0 ? "" : "x",
                    ",", random.below(100'000), "\n");
  });
}

std::shared_ptr<const Corpus> json_file() {
  return made("records-v1.jsonl", [](std::string& text, Random& random) {
    absl::StrAppend(&text, "{\"id\":", random.below(10'000'000), ",\"name\":\"", word(random), "-",
                    word(random), "\",\"active\":true,\"score\":", random.below(1000), ".",
                    random.below(100), ",\"tags\":[\"", word(random), "\",\"", word(random),
                    "\"],\"at\":{\"lat\":", random.below(90), ".25,\"lon\":-", random.below(180),
                    ".5},\"note\":\"", word(random));
    absl::StrAppend(&text, " ", word(random), " \\\"", word(random),
                    "\\\"\",\"count\":", random.below(100), "}\n");
  });
}

std::shared_ptr<const Corpus> http_file() {
  return made("heads-v1.http", [](std::string& text, Random& random) {
    absl::StrAppend(&text, "GET /", word(random), "/", word(random),
                    "?id=", random.below(1'000'000), " HTTP/1.1\r\nHost: www.example.org\r\n");
    text +=
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
        "Connection: keep-alive\r\n";
    absl::StrAppend(&text, "Cookie: session=", random.below(1'000'000'000),
                    "; theme=", word(random), "\r\nReferer: https://www.example.org/", word(random),
                    "\r\n\r\n");
  });
}

std::shared_ptr<const Corpus> protobuf_file() {
  return made("frames-v1.pb", [](std::string& text, Random& random) {
    google::protobuf::Any any;
    any.set_type_url("type.googleapis.com/google.protobuf.Value");
    any.set_value(std::string(20 + random.below(60), 'v'));
    const std::string bytes = any.SerializeAsString();
    text += static_cast<char>(bytes.size());  // below 128
    text += bytes;
  });
}

}  // namespace bench
