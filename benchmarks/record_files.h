// benchmarks/record_files.h
//
// The files of records: made up, the same on every machine, in the page cache.

#ifndef BENCHMARKS_RECORD_FILES_H_
#define BENCHMARKS_RECORD_FILES_H_

#include <memory>

#include "benchmarks/corpus.h"

namespace bench {

// 64 MiB each.
std::shared_ptr<const Corpus> line_file();      // log lines of 60 bytes on average
std::shared_ptr<const Corpus> csv_file();       // 8 fields in 75 bytes, one in quotes
std::shared_ptr<const Corpus> json_file();      // objects of 8 fields in 190 bytes, one a line
std::shared_ptr<const Corpus> http_file();      // heads of requests, 8 fields in 430 bytes
std::shared_ptr<const Corpus> protobuf_file();  // google.protobuf.Any of 95 bytes behind a varint

}  // namespace bench

#endif  // BENCHMARKS_RECORD_FILES_H_
