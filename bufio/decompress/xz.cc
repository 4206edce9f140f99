#include "bufio/decompress/xz.h"

#include <lzma.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/decompress/decompressor.h"
#include "bufio/decompress/magic.h"

namespace bufio {
namespace {

absl::Status why(lzma_ret result) {
  switch (result) {
    case LZMA_MEM_ERROR:
      return absl::ResourceExhaustedError("xz is out of memory");
    case LZMA_MEMLIMIT_ERROR:
      return absl::ResourceExhaustedError("its dictionary is larger than max_memory");
    case LZMA_FORMAT_ERROR:
      return absl::InvalidArgumentError("corrupt: not in xz format");
    case LZMA_OPTIONS_ERROR:
      return absl::InvalidArgumentError("it has options that this liblzma does not know");
    default:
      return absl::InvalidArgumentError("corrupt: a checksum or a code is wrong");
  }
}

class Xz final : public Decompressor {
 public:
  explicit Xz(uint64_t max_memory) : max_memory_(max_memory) {}
  Xz(const Xz&) = delete;
  Xz& operator=(const Xz&) = delete;
  ~Xz() override { lzma_end(&stream_); }

  std::string_view format() const override { return "xz"; }

  Head look_at(std::string_view bytes) const override {
    if (bytes.size() < kXzMagic.size()) return Head::kTooShort;
    return begins_xz(bytes) ? Head::kMember : Head::kOther;
  }

  absl::Status begin() override {
    const lzma_ret result = lzma_stream_decoder(&stream_, max_memory_, 0);
    return result == LZMA_OK ? absl::OkStatus() : why(result);
  }

  Step run(std::string_view in, std::span<char> out) override {
    stream_.next_in = reinterpret_cast<const uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret result = lzma_code(&stream_, LZMA_RUN);
    Step step;
    step.consumed = in.size() - stream_.avail_in;
    step.produced = out.size() - stream_.avail_out;
    step.ended = result == LZMA_STREAM_END;
    // LZMA_BUF_ERROR: there was nothing to do, twice.
    if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR) {
      step.status = why(result);
    }
    return step;
  }

 private:
  uint64_t max_memory_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

Reader decompress_xz(ParentHandle parent, const DecompressOptions& options) {
  return decompress(std::move(parent), std::make_unique<Xz>(options.max_memory), options);
}

}  // namespace bufio
