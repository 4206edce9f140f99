// Messages behind varints. The rival is protobuf's own way through a file.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <memory>

#include "benchmarks/die.h"
#include "benchmarks/open_file.h"
#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/tally.h"
#include "bufio/parse/frames.h"
#include "bufio/parse/protobuf_delimited.h"

namespace bench {
namespace {

using google::protobuf::Any;

void add_message(Tally& tally, const Any* message) {
  ++tally.lines;
  tally.bytes += message->value().size();
}

Tally messages_by_protobuf(int fd) {
  google::protobuf::io::FileInputStream stream(fd, 1 << 16);  // the default, a page, is slower
  Any message;
  Tally tally;
  for (;;) {
    bool clean_end = false;
    if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&message, &stream, &clean_end)) {
      if (!clean_end) die("ParseDelimitedFromZeroCopyStream", 0);
      return tally;
    }
    add_message(tally, &message);
  }
}

}  // namespace

void add_protobuf_records() {
  const auto corpus = protobuf_file();
  const auto loaded = std::make_shared<const Loaded>(*corpus);
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const Input input = add_parser(
      "protobuf", corpus, loaded, ring, [](bool) { return bufio::ProtobufDelimitedParser<Any>(); },
      add_message);
  add_record_pass("protobuf/delimited_stream", input,
                  [=] { return messages_by_protobuf(OpenFile(corpus->path()).fd()); });
  // The frames alone.
  add_parser(
      "frames", corpus, loaded, ring,
      [](bool) { return bufio::FrameParser({.length = bufio::FrameLength::kVarint}); },
      [](Tally& tally, std::string_view frame) {
        ++tally.lines;
        tally.bytes += frame.size();
      });
}

}  // namespace bench
