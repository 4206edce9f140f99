// benchmarks/records.h
//
// What the contestants of the parsers' benchmark have in common: records out of a file that a
// Reader reads, and out of the same bytes in memory, by the same parser.

#ifndef BENCHMARKS_RECORDS_H_
#define BENCHMARKS_RECORDS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/corpus.h"
#include "benchmarks/die.h"
#include "benchmarks/pass.h"
#include "benchmarks/tally.h"
#include "bufio/messages.h"
#include "bufio/open.h"
#include "bufio/parse_memory.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bench {

// Each a file of records, warm, and what it is compared by.
void add_line_records();
void add_csv_records();
void add_json_records();
void add_http_records();
void add_protobuf_records();
void add_gz_records();

// Registers the benchmark `name`, as add_pass, with the counter kAllocations: how often memory was
// asked for, for each record.
void add_record_pass(const std::string& name, const Input& input, std::function<Tally()> pass);

// All of the file in memory, with 64 bytes behind it.
class Loaded {
 public:
  explicit Loaded(const Corpus& corpus);
  std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::string bytes_;
  size_t size_;
};

inline void die_unless(const absl::Status& status) {
  if (!status.ok()) die(status.ToString(), 0);
}

// `make(padded)` makes a parser; `add(tally, record)` counts a record.
template <class Make, class Add>
uring::Task<Tally> tally_of(bufio::Reader& reader, Make make, Add add) {
  bufio::Messages messages(reader, make(reader.padded()));
  Tally tally;
  for (;;) {
    auto record = co_await messages.next();
    if (!record.has_value()) break;
    add(tally, *record);
    messages.for_each_buffered([&tally, &add](auto& each) { add(tally, each); });
  }
  die_unless(messages.status());
  co_return tally;
}

template <class Make, class Add>
uring::Task<Tally> tally_of_file(uring::Ring& ring, std::string path, bufio::ReaderOptions options,
                                 Make make, Add add) {
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, std::move(path), options);
  die_unless(reader.status());
  Tally tally = co_await tally_of(*reader, make, add);
  co_return tally;
}

template <class Make, class Add>
Tally tally_of_memory(std::string_view bytes, Make make, Add add) {
  auto parser = make(true);
  Tally tally;
  die_unless(bufio::parse_memory(bytes, parser, [&tally, &add](auto& each) { add(tally, each); }));
  return tally;
}

// The contestants group/reader, group/reader_offload (the copying on the second core) and
// group/memory. Answers what they all must find.
template <class Make, class Add>
Input add_parser(const std::string& group, std::shared_ptr<const Corpus> corpus,
                 std::shared_ptr<const Loaded> loaded, std::shared_ptr<uring::Ring> ring, Make make,
                 Add add) {
  const Input input{corpus->size(), tally_of_memory(loaded->view(), make, add)};
  add_record_pass(group + "/reader", input, [=] {
    return uring::block_on(*ring, tally_of_file(*ring, corpus->path(), {}, make, add));
  });
  add_record_pass(group + "/reader_offload", input, [=] {
    return uring::block_on(*ring,
                           tally_of_file(*ring, corpus->path(), {.offload = true}, make, add));
  });
  add_record_pass(group + "/memory", input,
                  [=] { return tally_of_memory(loaded->view(), make, add); });
  return input;
}

}  // namespace bench

#endif  // BENCHMARKS_RECORDS_H_
