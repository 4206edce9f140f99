#include "bufio/decompress/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/decompress/decompressor.h"

namespace bufio {
namespace {

enum class Format : uint8_t { kGzip, kZlib, kRaw };

class Inflate final : public Decompressor {
 public:
  explicit Inflate(Format wrapped) : format_(wrapped) {}
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() override {
    if (ready_) inflateEnd(&stream_);
  }

  std::string_view format() const override {
    return format_ == Format::kGzip ? "gzip" : format_ == Format::kZlib ? "zlib" : "deflate";
  }

  Head look_at(std::string_view bytes) const override {
    if (format_ == Format::kRaw) return ready_ ? Head::kOther : Head::kMember;
    if (bytes.size() < 2) return Head::kTooShort;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    const bool begins = format_ == Format::kGzip
                            ? first == 0x1f && second == 0x8b
                            : (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0;
    return begins ? Head::kMember : Head::kOther;
  }

  absl::Status begin() override {
    const int bits = format_ == Format::kGzip   ? MAX_WBITS + 16
                     : format_ == Format::kZlib ? MAX_WBITS
                                                : -MAX_WBITS;
    const int error = ready_ ? inflateReset(&stream_) : inflateInit2(&stream_, bits);
    if (error != Z_OK) return absl::ResourceExhaustedError("zlib cannot start");
    ready_ = true;
    return absl::OkStatus();
  }

  Step run(std::string_view in, std::span<char> out) override {
    constexpr size_t kMost = size_t{1} << 30;
    const size_t in_size = std::min(in.size(), kMost);
    const size_t out_size = std::min(out.size(), kMost);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in_size);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out_size);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Step step;
    step.consumed = in_size - stream_.avail_in;
    step.produced = out_size - stream_.avail_out;
    step.ended = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      const char* why = result == Z_NEED_DICT    ? "it needs a dictionary"
                        : stream_.msg != nullptr ? stream_.msg
                                                 : zError(result);
      step.status = result == Z_MEM_ERROR
                        ? absl::ResourceExhaustedError("zlib is out of memory")
                        : absl::InvalidArgumentError(absl::StrCat("corrupt: ", why));
    }
    return step;
  }

 private:
  const Format format_;
  bool ready_ = false;
  z_stream stream_ = {};
};

Reader inflate_as(Format format, ParentHandle parent, const DecompressOptions& options) {
  return decompress(std::move(parent), std::make_unique<Inflate>(format), options);
}

}  // namespace

Reader gunzip(ParentHandle parent, const DecompressOptions& options) {
  return inflate_as(Format::kGzip, std::move(parent), options);
}

Reader decompress_zlib(ParentHandle parent, const DecompressOptions& options) {
  return inflate_as(Format::kZlib, std::move(parent), options);
}

Reader inflate_raw(ParentHandle parent, const DecompressOptions& options) {
  return inflate_as(Format::kRaw, std::move(parent), options);
}

}  // namespace bufio
