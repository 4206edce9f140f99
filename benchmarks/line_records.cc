// Lines of a cached file, against getline(3) and against the same bytes in memory.

#include <memory>

#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/tally.h"

namespace bench {

void add_line_records() {
  const auto corpus = line_file();
  const auto loaded = std::make_shared<const Loaded>(*corpus);
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const auto split_memory = [=] {
    LineLengths lengths;
    lengths.finish(loaded->view().substr(lengths.take(loaded->view())));
    return lengths.result();
  };
  const Input input{corpus->size(), split_memory()};
  add_record_pass("lines/reader", input,
                  [=] { return parse_file(*ring, corpus->path(), {}, measure_lines); });
  add_record_pass("lines/reader_offload", input, [=] {
    return parse_file(*ring, corpus->path(), {.offload = true}, measure_lines);
  });
  add_record_pass("lines/memory", input, split_memory);
  add_record_pass("lines/getline", input, [=] { return lines_with_getline(corpus->path()); });
}

}  // namespace bench
