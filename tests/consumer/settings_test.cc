#include "settings.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "uring/block_on.h"
#include "uring/ring.h"

namespace {

using Settings = std::map<std::string, std::string>;

absl::StatusOr<Settings> read(std::string text) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (!ring.ok()) return ring.status();
  bufio::Reader reader = bufio::read_string(std::move(text));
  return uring::block_on(*ring, read_settings(reader));
}

TEST(SettingsTest, NamesAndValues) {
  absl::StatusOr<Settings> settings = read("# a remark\nname = value\n\nb=c = d\r\nname = last");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(*settings, (Settings{{"name", "last"}, {"b", "c = d"}}));
}

TEST(SettingsTest, BadLinesAreNamedByTheirOffset) {
  absl::StatusOr<Settings> settings = read("a = b\nnonsense\n");
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(settings.status().message().find("offset 6"), absl::string_view::npos)
      << settings.status();
}

TEST(SettingsTest, HoweverTheBytesArrive) {
  using bufio::testing::check_parser_linear;
  using bufio::testing::check_split_invariance;
  const auto print = [](const Setting& setting) {
    return std::string(setting.name) + "|" + std::string(setting.value);
  };
  EXPECT_EQ(check_split_invariance(SettingParser(),
                                   {"# no\na = b\n\nc=d\r\n", "a = b\nnonsense\n", "last = one"},
                                   print),
            absl::OkStatus());
  EXPECT_EQ(check_parser_linear(SettingParser(), "a = " + std::string(900, 'b') + "\n"),
            absl::OkStatus());
}

}  // namespace
