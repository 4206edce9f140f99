#include "bufio/parse/tar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bufio/parse/tar_fields.h"
#include "uring/check.h"
#include "uring/status.h"

namespace bufio {
namespace {

using tar::kBlock;

constexpr char kLongName = 'L';
constexpr char kLongLink = 'K';
constexpr char kPaxNext = 'x';
constexpr char kPaxGlobal = 'g';
constexpr char kSparse = 'S';

ParseError invalid(std::string_view what, size_t at = 0) {
  return ParseError(absl::InvalidArgumentError(uring::as_absl(what)), at);
}

TarType type_of(char flag, std::string_view path) {
  switch (flag) {
    case '\0':
    case '0':
      // Of the time before there was a flag for directories.
      return path.ends_with('/') ? TarType::kDirectory : TarType::kFile;
    case '1':
      return TarType::kHardLink;
    case '2':
      return TarType::kSymbolicLink;
    case '3':
      return TarType::kCharacterDevice;
    case '4':
      return TarType::kBlockDevice;
    case '5':
      return TarType::kDirectory;
    case '6':
      return TarType::kFifo;
    case '7':
      return TarType::kFile;
    default:
      return TarType::kOther;
  }
}

bool has_content(TarType type) { return type == TarType::kFile || type == TarType::kOther; }

}  // namespace

TarParser::TarParser(TarOptions options) : options_(options) {
  options_.max_extended = std::min(options_.max_extended, SIZE_MAX / 4);
}

void TarParser::accepted() {
  accepted_ = true;
  content_ = found_size_;
  padding_ = tar::padding(found_size_);
}

void TarParser::content_taken(uint64_t n) {
  URING_CHECK(n <= content_, "more was taken than the entry's content");
  content_ -= n;
}

ParseResult<TarEntry> TarParser::parse(std::string_view view, size_t /*examined*/, bool final) {
  if (std::exchange(accepted_, false)) {
    next_ = Extended();
    has_next_ = false;
  }
  if (const uint64_t rest = std::exchange(content_, 0) + std::exchange(padding_, 0); rest > 0) {
    return Skip(rest);
  }
  if (ended_) return view.empty() ? ParseResult<TarEntry>(NeedMore()) : Skip(view.size());
  if (view.empty() && final) return end_of_stream();
  if (view.size() < kBlock) return NeedMore(view.size(), kBlock);
  if (tar::all_zero(view.substr(0, kBlock))) {
    if (has_next_) return invalid("an extended header without an entry");
    if (view.size() < 2 * kBlock) {
      if (final && !options_.need_end_marker) return Skip(view.size());
      return NeedMore(view.size(), 2 * kBlock);
    }
    if (!tar::all_zero(view.substr(kBlock, kBlock))) {
      return invalid("a header behind a zero block", kBlock);
    }
    ended_ = true;
    return Skip(2 * kBlock);
  }
  return header(view);
}

ParseResult<TarEntry> TarParser::end_of_stream() const {
  if (has_next_ || options_.need_end_marker) {
    return ParseError(absl::DataLossError("the archive ends without its end marker"));
  }
  return NeedMore();
}

ParseResult<TarEntry> TarParser::header(std::string_view view) {
  const std::string_view block = view.substr(0, kBlock);
  if (!tar::checksum_fits(block)) return invalid("no tar header, or its checksum does not fit");
  const std::optional<uint64_t> size = tar::number(block, tar::kSize);
  if (!size.has_value()) return invalid("a size that is none", tar::kSize.at);
  const char flag = block[tar::kFlag.at];
  switch (flag) {
    case kLongName:
    case kLongLink:
    case kPaxNext:
    case kPaxGlobal:
      return extended(view, flag, *size);
    case kSparse:
      return ParseError(absl::UnimplementedError("a sparse file"));
    default:
      return entry(block, flag, *size);
  }
}

// What belongs to the next entry, or to all of them: taken in, and passed over.
ParseResult<TarEntry> TarParser::extended(std::string_view view, char flag, uint64_t size) {
  if (size > options_.max_extended) {
    return ParseError(absl::ResourceExhaustedError(absl::StrCat("an extended header of ", size,
                                                                " bytes exceeds the limit of ",
                                                                options_.max_extended, " bytes")));
  }
  const size_t whole = kBlock + static_cast<size_t>(size + tar::padding(size));
  if (view.size() < whole) return NeedMore(view.size(), whole);
  const std::string_view text = view.substr(kBlock, static_cast<size_t>(size));
  if (flag == kPaxNext || flag == kPaxGlobal) {
    // What a later one says goes before.
    Extended records = flag == kPaxGlobal ? global_ : next_;
    std::optional<ParseError> error = pax_records(text, records);
    if (error.has_value()) return *error;
    (flag == kPaxGlobal ? global_ : next_) = std::move(records);
  } else {
    (flag == kLongName ? next_.path : next_.link) = text.substr(0, text.find('\0'));
  }
  has_next_ = has_next_ || flag != kPaxGlobal;
  return Skip(whole);
}

// "27 mtime=1700000000.123456789\n", where 27 counts all of that.
std::optional<ParseError> TarParser::pax_records(std::string_view text, Extended& into) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t space = rest.substr(0, 20).find(' ');
    const std::optional<uint64_t> size =
        space == std::string_view::npos ? std::nullopt : tar::decimal(rest.substr(0, space));
    if (!size.has_value() || *size <= space + 1 || *size > rest.size() ||
        rest[static_cast<size_t>(*size) - 1] != '\n') {
      return invalid("a pax record whose length is none", kBlock + at);
    }
    const auto length = static_cast<size_t>(*size);
    const std::string_view record = rest.substr(space + 1, length - space - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return invalid("a pax record without a key", kBlock + at);
    }
    absl::Status status = pax_record(record.substr(0, equals), record.substr(equals + 1), into);
    if (!status.ok()) return ParseError(std::move(status), kBlock + at);
    at += length;
  }
  return std::nullopt;
}

absl::Status TarParser::pax_record(std::string_view key, std::string_view value, Extended& into) {
  const auto bad = [key] {
    return absl::InvalidArgumentError(
        absl::StrCat("a pax record of \"", uring::as_absl(key), "\" that is none"));
  };
  const auto take_text = [&](std::optional<std::string>& field) {
    if (value.find('\0') != std::string_view::npos) return bad();
    // An empty value takes back what was said before.
    field = value.empty() ? std::nullopt : std::optional<std::string>(value);
    return absl::OkStatus();
  };
  const auto take_number = [&](std::optional<uint64_t>& field) {
    field = tar::decimal(value);
    return field.has_value() || value.empty() ? absl::OkStatus() : bad();
  };
  if (key == "path") return take_text(into.path);
  if (key == "linkpath") return take_text(into.link);
  if (key == "uname") return take_text(into.user);
  if (key == "gname") return take_text(into.group);
  if (key == "size") return take_number(into.size);
  if (key == "uid") return take_number(into.uid);
  if (key == "gid") return take_number(into.gid);
  if (key.starts_with("GNU.sparse.")) return absl::UnimplementedError("a sparse file");
  if (key == "mtime" && value.empty()) {
    into.mtime.reset();
  } else if (key == "mtime") {
    const bool negative = value.starts_with('-');
    std::string_view digits = value.substr(negative ? 1 : 0);
    digits = digits.substr(0, digits.find('.'));
    const std::optional<uint64_t> seconds = tar::decimal(digits);
    if (!seconds.has_value()) return bad();
    const auto number = static_cast<int64_t>(*seconds);
    into.mtime = negative ? -number : number;
  }
  return absl::OkStatus();
}

ParseResult<TarEntry> TarParser::entry(std::string_view block, char flag, uint64_t size) {
  TarEntry entry;
  const auto either = [](const auto& next, const auto& global, auto header) {
    using Value = decltype(header);
    return next.has_value() ? Value(*next) : global.has_value() ? Value(*global) : header;
  };
  std::string_view path = tar::text(block, tar::kName);
  const bool is_ustar =
      block.substr(tar::kMagic.at, tar::kMagic.size) == std::string_view("ustar\0", 6);
  const std::string_view prefix = is_ustar ? tar::text(block, tar::kPrefix) : std::string_view();
  if (!prefix.empty()) {
    path_ = absl::StrCat(uring::as_absl(prefix), "/", uring::as_absl(path));
    path = path_;
  }
  const bool has_names = block.substr(tar::kMagic.at, 5) == "ustar";
  const std::string_view user = has_names ? tar::text(block, tar::kUser) : std::string_view();
  const std::string_view group = has_names ? tar::text(block, tar::kGroup) : std::string_view();
  entry.path = either(next_.path, global_.path, path);
  entry.link = either(next_.link, global_.link, tar::text(block, tar::kLink));
  entry.user = either(next_.user, global_.user, user);
  entry.group = either(next_.group, global_.group, group);
  entry.flag = flag == '\0' ? '0' : flag;
  entry.type = type_of(flag, entry.path);
  const std::optional<uint64_t> mode = tar::number(block, tar::kMode);
  const std::optional<uint64_t> uid = tar::number(block, tar::kUid);
  const std::optional<uint64_t> gid = tar::number(block, tar::kGid);
  const std::optional<int64_t> mtime = tar::signed_number(block, tar::kMtime);
  if (!mode.has_value()) return invalid("a mode that is none", tar::kMode.at);
  if (!uid.has_value()) return invalid("a user that is none", tar::kUid.at);
  if (!gid.has_value()) return invalid("a group that is none", tar::kGid.at);
  if (!mtime.has_value()) return invalid("a time that is none", tar::kMtime.at);
  entry.mode = static_cast<uint32_t>(*mode & 07777);
  entry.uid = either(next_.uid, global_.uid, *uid);
  entry.gid = either(next_.gid, global_.gid, *gid);
  entry.mtime = either(next_.mtime, global_.mtime, *mtime);
  entry.size = either(next_.size, global_.size, size);
  // Readers of tar do not agree on what follows: content, or the next header.
  if (entry.type == TarType::kDirectory && flag != '5' && entry.size > 0) {
    return invalid("a directory with content", tar::kSize.at);
  }
  if (!has_content(entry.type)) entry.size = 0;
  if (entry.path.empty()) return invalid("an entry without a name", tar::kName.at);
  found_size_ = entry.size;
  return {entry, kBlock};
}

}  // namespace bufio
