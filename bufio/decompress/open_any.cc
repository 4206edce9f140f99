#include "bufio/decompress/open_any.h"

#include <string_view>
#include <utility>

#include "bufio/decompress/gzip.h"
#include "bufio/decompress/lz4.h"
#include "bufio/decompress/magic.h"
#include "bufio/decompress/xz.h"
#include "bufio/decompress/zstd.h"
#include "bufio/open.h"

namespace bufio {

uring::Task<absl::StatusOr<Reader>> decompress_any(Reader reader, DecompressOptions options) {
  absl::StatusOr<std::string_view> head = co_await reader.fill_buf(kLongestMagic);
  if (!head.ok()) co_return head.status();
  if (begins_gzip(*head)) co_return gunzip(std::move(reader), options);
  if (begins_xz(*head)) co_return decompress_xz(std::move(reader), options);
  if (begins_lz4(*head)) co_return decompress_lz4(std::move(reader), options);
  if (begins_zstd(*head) || begins_skippable_frame(*head)) {
    co_return decompress_zstd(std::move(reader), options);
  }
  co_return std::move(reader);
}

uring::Task<absl::StatusOr<Reader>> open_any(uring::Ring& ring, std::string path,
                                             ReaderOptions reader_options,
                                             DecompressOptions options) {
  absl::StatusOr<Reader> reader = co_await open(ring, std::move(path), reader_options);
  if (!reader.ok()) co_return reader.status();
  absl::StatusOr<Reader> any = co_await decompress_any(*std::move(reader), options);
  co_return std::move(any);
}

}  // namespace bufio
