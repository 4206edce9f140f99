// benchmarks/readers.h
//
// The library's contestants: what a user of a Reader would write, with default options.

#ifndef BENCHMARKS_READERS_H_
#define BENCHMARKS_READERS_H_

#include <cstdint>
#include <string>

#include "benchmarks/tally.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bench {

// All read to the end; an error ends the program.
uring::Task<Tally> count_newlines(bufio::Reader& reader);
uring::Task<Tally> measure_lines(bufio::Reader& reader);
// The same, awaiting every single line.
uring::Task<Tally> measure_each_line(bufio::Reader& reader);

// A Ring, or the end of the program.
uring::Ring make_ring(const uring::RingOptions& options = {});

// Opens the file, runs `parse` over it, and closes it.
using Parser = uring::Task<Tally>(bufio::Reader& reader);
Tally parse_file(uring::Ring& ring, const std::string& path, const bufio::ReaderOptions& options,
                 Parser* parse);

}  // namespace bench

#endif  // BENCHMARKS_READERS_H_
