// The programs //examples:csv2json and //examples:jsonl: what they print, and what they say of
// input that is not as it should be.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/decompress/compress.h"
#include "tests/program.h"
#include "tests/tools/tool_fixture.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;

const std::string kCsv2json = built("examples/csv2json");
const std::string kJsonl = built("examples/jsonl");

using JsonToolsTest = ToolTest;

TEST_F(JsonToolsTest, ObjectsKeyedByTheHeader) {
  const std::string csv = file("a.csv",
                               "name,\"a \"\"b\"\"\"\n"
                               "\"Ada, L.\",\"two\nlines\"\r\n"
                               "B\\\tob,\xff\xc3\xa4\xe2\x82\n");
  const Outcome outcome = run(kCsv2json, {csv});
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "{\"name\":\"Ada, L.\",\"a \\\"b\\\"\":\"two\\nlines\"}\n"
            "{\"name\":\"B\\\\\\tob\",\"a "
            "\\\"b\\\"\":\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\"}\n");
}

TEST_F(JsonToolsTest, RowsAsArraysAndOtherSeparators) {
  const std::string csv = file("a.csv.gz", bufio::testing::gzip("a;b\n1;\n"));
  EXPECT_EQ(run(kCsv2json, {"--array", "-d", ";", csv}).out, "[\"a\",\"b\"]\n[\"1\",\"\"]\n");
  EXPECT_EQ(run(kCsv2json, {"-d", "\\t", file("t", "a\tb\n1\t2")}).out,
            "{\"a\":\"1\",\"b\":\"2\"}\n");
}

TEST_F(JsonToolsTest, ManyRecords) {
  std::string csv = "n,text\n";
  std::string json;
  for (int i = 0; i < 100'000; ++i) {
    const std::string n = std::to_string(i);
    csv += n + ",\"text of " + n + "\"\n";
    json += "{\"n\":\"" + n + "\",\"text\":\"text of " + n + "\"}\n";
  }
  const Outcome outcome = run(kCsv2json, {file("a.csv", csv)});
  EXPECT_EQ(outcome.out, json);
  const Outcome values = run(kJsonl, {"-r", "/text", file("a.jsonl", json)});
  EXPECT_THAT(values.out, testing::StartsWith("text of 0\ntext of 1\n"));
  EXPECT_THAT(values.out, testing::EndsWith("\ntext of 99999\n"));
}

TEST_F(JsonToolsTest, BadCsvIsNamedByFileLineAndOffset) {
  const std::string csv = file("bad.csv", "a,b\n1,2\n\"x\ny\",3\n4\n");
  const Outcome outcome = run(kCsv2json, {csv});
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.out, "{\"a\":\"1\",\"b\":\"2\"}\n{\"a\":\"x\\ny\",\"b\":\"3\"}\n");
  EXPECT_THAT(outcome.err, HasSubstr("line 5: " + csv + " at offset 16: "));
  EXPECT_THAT(run(kCsv2json, {directory() / "none"}).err, HasSubstr("No such file or directory"));
  EXPECT_EQ(run(kCsv2json, {"-d", "ab", csv}).exit_status, 1);
  EXPECT_EQ(run(kCsv2json, {csv, csv}).exit_status, 1);
}

TEST_F(JsonToolsTest, ValuesAtAPointer) {
  const std::string json = file("a.jsonl",
                                "{\"a\":{\"b\":[1,\"x\\ny\"]}}\n"
                                "{\"a\":2}\n\n"
                                "{\"a/~\":3, \"a\":{\"b\":[ 0, {\"q\" : null} ]}}");
  EXPECT_EQ(run(kJsonl, {"/a/b/1", json}).out, "\"x\\ny\"\n{\"q\":null}\n");
  EXPECT_EQ(run(kJsonl, {"-r", "/a/b/1", json}).out, "x\ny\n{\"q\":null}\n");
  EXPECT_EQ(run(kJsonl, {"/a~1~0", json}).out, "3\n");
  EXPECT_EQ(run(kJsonl, {"/none", json, json}).out, "");
  EXPECT_EQ(run(kJsonl, {"a", json}).exit_status, 1);
}

TEST_F(JsonToolsTest, BadJsonIsNamedOrPassedOver) {
  const std::string json = file("bad.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n");
  Outcome outcome = run(kJsonl, {"/a", json});
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.out, "1\n");
  EXPECT_THAT(outcome.err, HasSubstr("bad.jsonl at offset 8: line 2: "));
  outcome = run(kJsonl, {"--skip-bad", "/a", json});
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.out, "1\n3\n");
  EXPECT_THAT(outcome.err, HasSubstr("1 lines that are no JSON"));
}

}  // namespace
}  // namespace testing_programs
