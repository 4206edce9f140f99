// Entries of tar archives: made by hand, and by the system's tar.

#include "bufio/parse/tar.h"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/messages_run.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/run_at_once.h"
#include "bufio/testing/scripted_source.h"
#include "bufio/testing/simulated_ring.h"
#include "bufio/testing/split.h"
#include "gtest/gtest.h"
#include "tests/parse/parsed.h"
#include "tests/program.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::kCutOff;
using testing::kInvalid;
using testing::kOk;
using testing::kTooLong;
using testing::Parsed;
using testing::Split;
using testing::Values;

const std::string kEnd(1024, '\0');

std::string print(const TarEntry& entry) {
  std::string text =
      absl::StrCat(uring::as_absl(entry.path), " ", std::string(1, entry.flag), " ", entry.size);
  if (!entry.link.empty()) absl::StrAppend(&text, " -> ", uring::as_absl(entry.link));
  return text;
}

// Cut everywhere where there is but a header, else by seed.
Parsed parsed(std::string_view archive, TarOptions options = {}) {
  return testing::parsed(TarParser(options), archive, print,
                         {.splits = {.every_cut_up_to = 600, .seeds = 12}});
}

struct Header {
  std::string name;
  char flag = '0';
  std::string size = "00000000000";  // octal, or raw bytes
  std::string link;
  std::string prefix;
  std::string magic = std::string("ustar\0", 6) + "00";
};

void set_checksum(std::string& block) {
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (char byte : block) sum += static_cast<unsigned char>(byte);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  block.replace(148, 7, std::string(digits, 7));
}

std::string block(const Header& header) {
  std::string bytes(512, '\0');
  const auto put = [&bytes](size_t at, std::string_view text) {
    bytes.replace(at, text.size(), text);
  };
  put(0, header.name);
  put(100, "0000644");
  put(108, "0001750");
  put(116, "0001750");
  put(124, header.size);
  put(136, "14371403360");
  bytes[156] = header.flag;
  put(157, header.link);
  put(257, header.magic);
  put(265, "ann");
  put(297, "staff");
  put(345, header.prefix);
  set_checksum(bytes);
  return bytes;
}

std::string octal(size_t size) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%011zo", size);
  return digits;
}

std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512);
  return content;
}

// An entry with content, or an extended header.
std::string with(Header header, const std::string& content) {
  header.size = octal(content.size());
  return block(header) + padded(content);
}

std::string record(const std::string& text) {
  size_t size = text.size() + 3;
  size = text.size() + 2 + std::to_string(size).size();
  size = text.size() + 2 + std::to_string(size).size();
  return absl::StrCat(size, " ", text, "\n");
}

TEST(TarTest, EntriesWithAndWithoutContent) {
  const std::string archive = block({.name = "d/", .flag = '5'}) + with({.name = "d/a"}, "hello") +
                              block({.name = "d/l", .flag = '2', .link = "a"}) + kEnd;
  const Parsed result = parsed(archive);
  EXPECT_EQ(result.values, (Values{"d/ 5 0", "d/a 0 5", "d/l 2 0 -> a"}));
  EXPECT_EQ(result.status, absl::OkStatus());
}

TEST(TarTest, EveryField) {
  const std::string archive = block({.name = "a", .prefix = "some/folder"});
  TarParser parser;
  const auto result = parser.parse(archive, 0, false);
  ASSERT_TRUE(result.is_value());
  const TarEntry& entry = result.value();
  EXPECT_EQ(entry.path, "some/folder/a");
  EXPECT_EQ(entry.user, "ann");
  EXPECT_EQ(entry.group, "staff");
  EXPECT_EQ(entry.mode, 0644U);
  EXPECT_EQ(entry.uid, 1000U);
  EXPECT_EQ(entry.gid, 1000U);
  EXPECT_EQ(entry.mtime, 1676019440);
  EXPECT_EQ(entry.type, TarType::kFile);
}

TEST(TarTest, LongNames) {
  const std::string name = std::string(150, 'n') + "/" + std::string(120, 'm');
  const std::string link(200, 'l');
  const std::string archive = with({.name = "././@LongLink", .flag = 'L'}, name + '\0') +
                              with({.name = "././@LongLink", .flag = 'K'}, link + '\0') +
                              block({.name = "cut", .flag = '1', .link = "cut"}) +
                              block({.name = "next"}) + kEnd;
  EXPECT_EQ(parsed(archive).values, (Values{name + " 1 0 -> " + link, "next 0 0"}));
}

TEST(TarTest, PaxRecords) {
  const std::string name(300, 'p');
  const std::string archive =
      with({.name = "g", .flag = 'g'}, record("comment=x y=z") + record("uname=bob")) +
      with({.name = "x", .flag = 'x'},
           record("path=" + name) + record("size=3") + record("mtime=-7.25")) +
      block({.name = "cut"}) + padded("abc") + block({.name = "next"}) + kEnd;
  EXPECT_EQ(parsed(archive).values, (Values{name + " 0 3", "next 0 0"}));
}

TEST(TarTest, NumbersInBinary) {
  const std::string size = std::string("\x80\0\0\0\0\0\0\2\0\0\0\0", 12);  // 8 GiB
  const std::string archive = block({.name = "big", .size = size});
  const Parsed result = parsed(archive);
  EXPECT_EQ(result.values, Values{"big 0 8589934592"});
  EXPECT_EQ(result.code(), kCutOff);
  EXPECT_EQ(parsed(block({.name = "x", .size = std::string(12, '\xff')})).code(), kInvalid);
  const std::string huge = std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12);
  EXPECT_EQ(parsed(block({.name = "x", .size = huge})).code(), kInvalid);
}

TEST(TarTest, TheEndMarkerEndsIt) {
  EXPECT_EQ(parsed(block({.name = "a"}) + kEnd + "rubbish").status, absl::OkStatus());
  const std::string lone = block({.name = "a"}) + std::string(512, '\0');
  EXPECT_EQ(parsed(block({.name = "a"})).code(), kCutOff);
  EXPECT_EQ(parsed(lone).code(), kCutOff);
  EXPECT_EQ(parsed("").code(), kCutOff);
  const TarOptions lenient = {.need_end_marker = false};
  EXPECT_EQ(parsed(block({.name = "a"}), lenient).status, absl::OkStatus());
  EXPECT_EQ(parsed(lone, lenient).status, absl::OkStatus());
  EXPECT_EQ(parsed(lone + block({.name = "b"}), lenient).code(), kInvalid);
}

TEST(TarTest, CutOff) {
  const TarOptions lenient = {.need_end_marker = false};
  const std::string entry = with({.name = "a"}, "hello");
  for (const size_t size : {100U, 511U, 512U, 514U, 1023U}) {
    EXPECT_EQ(parsed(entry.substr(0, size), lenient).code(), kCutOff) << size;
  }
  const std::string extended = with({.name = "x", .flag = 'x'}, record("path=abc"));
  for (const size_t size : {512U, 600U, 1024U}) {
    EXPECT_EQ(parsed(extended.substr(0, size), lenient).code(), kCutOff) << size;
  }
  EXPECT_EQ(parsed(extended + kEnd).code(), kInvalid);
}

TEST(TarTest, Errors) {
  std::string wrong = block({.name = "a"});
  wrong[3] = 'x';
  EXPECT_EQ(parsed(wrong).code(), kInvalid);
  EXPECT_EQ(parsed(block({.name = "a", .size = "00000000009"})).code(), kInvalid);
  EXPECT_EQ(parsed(block({.name = "a", .size = "000 0000001"})).code(), kInvalid);
  EXPECT_EQ(parsed(block({.name = ""})).code(), kInvalid);
  EXPECT_EQ(parsed(with({.name = "d/"}, "x") + kEnd).code(), kInvalid);
  EXPECT_EQ(parsed(with({.name = "s", .flag = 'S'}, "x")).code(), absl::StatusCode::kUnimplemented);
  const Parsed second = parsed(with({.name = "a"}, "hello") + std::string(512, 'x'));
  EXPECT_EQ(second.values, Values{"a 0 5"});
  EXPECT_EQ(second.offset, 1024U);
}

TEST(TarTest, PaxRecordsThatAreNone) {
  for (const std::string& text :
       {std::string("x"), std::string("8 path=a\n"), std::string("7 path=a\n"),
        std::string("99 path=a\n"), std::string(" path=a\n"), record("path"), record("=a"),
        record("size=x"), record("size=99999999999999999999"), record("mtime=-"),
        record(std::string("path=a\0b", 8)), std::string("11111111111111111111111 x=y\n")}) {
    EXPECT_EQ(parsed(with({.name = "x", .flag = 'x'}, text) + block({.name = "a"})).code(),
              kInvalid)
        << text;
  }
  EXPECT_EQ(
      parsed(with({.name = "x", .flag = 'x'}, record("GNU.sparse.major=1")) + block({.name = "a"}))
          .code(),
      absl::StatusCode::kUnimplemented);
}

TEST(TarTest, ExtendedHeadersHaveALimit) {
  const std::string long_name =
      with({.name = "L", .flag = 'L'}, std::string(700, 'n')) + block({.name = "a"}) + kEnd;
  EXPECT_EQ(parsed(long_name, {.max_extended = 700}).code(), kOk);
  const Parsed result = parsed(long_name, {.max_extended = 699});
  EXPECT_EQ(result.code(), kTooLong);
  EXPECT_EQ(result.offset, 0U);
  EXPECT_EQ(parsed(block({.name = "L", .flag = 'L', .size = "77777777777"})).code(), kTooLong);
}

TEST(TarTest, Linear) {
  std::string archive;
  for (int i = 0; i < 4; ++i) archive += with({.name = "a"}, std::string(700, 'x'));
  EXPECT_EQ(testing::check_parser_linear(TarParser(), archive + kEnd), absl::OkStatus());
}

// Takes all of every other file's content, and half of the others'.
uring::Task<Values> contents(Reader& reader, absl::Status& status) {
  Messages<TarParser> entries(reader);
  Values all;
  for (;;) {
    std::optional<TarEntry> entry = co_await entries.next();
    if (!entry.has_value()) break;
    const auto size = static_cast<size_t>(all.size() % 2 == 0 ? entry->size : entry->size / 2);
    absl::StatusOr<std::string_view> content = co_await reader.require(size);
    if (!content.ok()) {
      status = content.status();
      co_return all;
    }
    all.emplace_back(*content);
    reader.consume(size);
    entries.parser().content_taken(size);
  }
  status = entries.status();
  co_return all;
}

TEST(TarTest, ContentIsTakenFromTheReader) {
  const std::string archive = with({.name = "a"}, "hello") + with({.name = "b"}, "abcdef") +
                              with({.name = "c"}, "") + with({.name = "d"}, std::string(600, 'd')) +
                              with({.name = "e"}, std::string(512, 'e')) + kEnd;
  for (const Split& split :
       {Split::whole(archive), Split::one_byte_each(archive), Split::random(archive, 1)}) {
    Reader reader = read_source(testing::scripted(split));
    absl::Status status;
    EXPECT_EQ(testing::run_at_once(contents(reader, status)),
              (Values{"hello", "abc", "", std::string(300, 'd'), std::string(512, 'e')}));
    EXPECT_EQ(status, absl::OkStatus());
  }
}

TEST(TarTest, EveryCallGivenUp) {
  const std::string archive = with({.name = "L", .flag = 'L'}, std::string(200, 'n')) +
                              with({.name = "a"}, std::string(700, 'a')) + block({.name = "b"}) +
                              kEnd;
  testing::SimulatedRing simulated(1);
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    size_t given_up = 0;
    const testing::ParserRun run = testing::run_messages_cancelled(
        simulated.ring(), TarParser(), Split::random(archive, seed), print, 1, &given_up);
    ASSERT_EQ(run.messages.size(), 2U) << run.status;
    EXPECT_EQ(run.messages[0].value, std::string(200, 'n') + " 0 700");
    EXPECT_EQ(run.messages[1].value, "b 0 0");
    EXPECT_EQ(run.status, absl::OkStatus());
    EXPECT_GE(given_up, 2U);
  }
}

TEST(TarDeathTest, MoreIsTakenThanThereIs) {
  TarParser parser;
  ASSERT_TRUE(parser.parse(with({.name = "a"}, "hello"), 0, false).is_value());
  parser.accepted();
  EXPECT_DEATH(parser.content_taken(6), "more was taken");
}

TEST(TarTest, WhatTheSystemsTarWrites) {
  std::string folder = ::testing::TempDir() + "/tar_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string long_name(90, 'n');
  const std::string longer = long_name + "/" + std::string(140, 'm');
  std::filesystem::create_directories(folder + "/in/" + long_name);
  std::ofstream(folder + "/in/a") << "hello";
  std::ofstream(folder + "/in/b") << std::string(5000, 'b');
  std::filesystem::create_symlink("a", folder + "/in/l");
  std::ofstream(folder + "/in/" + longer) << "x";
  for (const std::string format : {"ustar", "gnu", "pax", "oldgnu", "v7"}) {
    // The older ones have no place for the longest name.
    const std::string all = format == "v7" ? "a b l" : "a b l " + long_name;
    const std::string out = folder + "/" + format;
    const testing_programs::Outcome outcome = testing_programs::Program{
        {"sh", "-c",
         "tar --create --format=" + format + " --file=" + out + " -C " + folder + "/in " +
             all}}.run();
    if (outcome.exit_status == 127) GTEST_SKIP() << "no tar here: " << outcome.err;
    if (outcome.exit_status != 0 && format == "ustar") continue;  // "file name is too long"
    ASSERT_EQ(outcome.exit_status, 0) << outcome.err;
    std::ifstream in(out, std::ios::binary);
    const std::string archive{std::istreambuf_iterator<char>(in), {}};
    TarParser parser;
    const testing::ParserRun run = run_parser(parser, Split::random(archive, 1), print);
    Values values;
    for (const auto& message : run.messages) values.push_back(message.value);
    Values expected = {"a 0 5", "b 0 5000", "l 2 0 -> a", long_name + "/ 5 0", longer + " 0 1"};
    if (format == "v7") expected.resize(3);
    EXPECT_EQ(values, expected) << format;
    EXPECT_EQ(run.status, absl::OkStatus()) << format;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace bufio
