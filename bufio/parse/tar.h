// bufio/parse/tar.h
//
// The entries of a tar archive: POSIX ustar and pax, GNU long names, and the format of before.
//
//   bufio::Messages entries = bufio::messages(reader, bufio::TarParser());
//   for (;;) {
//     std::optional<bufio::TarEntry> entry = co_await entries.next();
//     if (!entry) break;
//     …                                    // its content is passed over, unless it is taken:
//     auto bytes = co_await reader.require(entry->size);   // right behind the entry
//     reader.consume(entry->size);
//     entries.parser().content_taken(entry->size);
//   }
//   if (!entries.status().ok()) …
//
//   InvalidArgument     no header, or a checksum that does not fit; a field or a pax record that is
//                       none; one zero block among headers
//   ResourceExhausted   an extended header of more than max_extended bytes
//   Unimplemented       sparse files
//   DataLoss            the archive ends within an entry, or without its end marker
//
// Behind the end marker, two zero blocks, everything is passed over.
//
// Names are what the archive says: "/etc/passwd" and "../x" are names, too. Whoever writes files
// must look at them (uring/open.h: open_beneath).

#ifndef BUFIO_PARSE_TAR_H_
#define BUFIO_PARSE_TAR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parser.h"

namespace bufio {

enum class TarType : uint8_t {
  kFile,
  kHardLink,
  kSymbolicLink,
  kCharacterDevice,
  kBlockDevice,
  kDirectory,
  kFifo,
  kOther,  // with content that is a matter of its flag
};

// Text lives until the next call on the Reader.
struct TarEntry {
  std::string_view path;
  std::string_view link;  // of links: what they lead to
  std::string_view user;
  std::string_view group;
  TarType type = TarType::kFile;
  char flag = '0';    // the type as the archive has it
  uint64_t size = 0;  // bytes of content behind the entry; 0 for links, directories and devices
  uint32_t mode = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  int64_t mtime = 0;  // seconds since 1970; fractions are dropped
};

struct TarOptions {
  // The longest extended header: a long name, or all pax records in front of an entry.
  size_t max_extended = size_t{64} << 10;
  // Whether an archive that just ends between two entries is cut off. Some writers leave out the
  // two zero blocks.
  bool need_end_marker = true;
};

class TarParser {
 public:
  using value_type = TarEntry;

  explicit TarParser(TarOptions options = {});

  ParseResult<TarEntry> parse(std::string_view view, size_t examined, bool final);
  void accepted();

  // The caller has consumed `n` bytes of the last entry's content, so many more than before.
  void content_taken(uint64_t n);

 private:
  // What extended headers say of an entry, or of all that follow.
  struct Extended {
    std::optional<std::string> path, link, user, group;
    std::optional<uint64_t> size, uid, gid;
    std::optional<int64_t> mtime;
  };

  ParseResult<TarEntry> header(std::string_view view);
  ParseResult<TarEntry> extended(std::string_view view, char flag, uint64_t size);
  std::optional<ParseError> pax_records(std::string_view text, Extended& into);
  static absl::Status pax_record(std::string_view key, std::string_view value, Extended& into);
  ParseResult<TarEntry> entry(std::string_view block, char flag, uint64_t size);
  ParseResult<TarEntry> end_of_stream() const;

  TarOptions options_;
  Extended next_;
  Extended global_;
  bool has_next_ = false;    // an extended header waits for its entry
  bool accepted_ = false;    // next_ and path_ belong to the entry that was given last
  bool ended_ = false;       // the end marker has been seen
  std::string path_;         // of the entry that was found last, when it has two parts
  uint64_t found_size_ = 0;  // its content
  uint64_t content_ = 0;     // of the entry that was given last: not passed over yet
  uint64_t padding_ = 0;     // behind it
};

}  // namespace bufio

#endif  // BUFIO_PARSE_TAR_H_
