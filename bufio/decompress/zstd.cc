#include "bufio/decompress/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
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

class Zstd final : public Decompressor {
 public:
  explicit Zstd(size_t max_memory) : max_memory_(max_memory) {}

  std::string_view format() const override { return "zstd"; }

  Head look_at(std::string_view bytes) const override {
    if (bytes.size() < 4) return Head::kTooShort;
    return begins_zstd(bytes) || begins_skippable_frame(bytes) ? Head::kMember : Head::kOther;
  }

  absl::Status begin() override {
    if (!context_) {
      context_.reset(ZSTD_createDCtx());
      if (!context_) return absl::ResourceExhaustedError("zstd cannot start");
      const ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
      const int log = std::clamp(static_cast<int>(std::bit_width(max_memory_)) - 1,
                                 bounds.lowerBound, bounds.upperBound);
      const size_t result = ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, log);
      if (ZSTD_isError(result) != 0) return absl::InternalError(ZSTD_getErrorName(result));
      return absl::OkStatus();
    }
    ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
    return absl::OkStatus();
  }

  Step run(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer input = {in.data(), in.size(), 0};
    ZSTD_outBuffer output = {out.data(), out.size(), 0};
    const size_t result = ZSTD_decompressStream(context_.get(), &output, &input);
    Step step;
    step.consumed = input.pos;
    step.produced = output.pos;
    if (ZSTD_isError(result) != 0) {
      const ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
      const bool limit =
          code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation;
      const char* why = ZSTD_getErrorName(result);
      step.status = limit ? absl::ResourceExhaustedError(absl::StrCat("zstd: ", why))
                          : absl::InvalidArgumentError(absl::StrCat("corrupt: ", why));
    } else {
      step.ended = result == 0;
    }
    return step;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  size_t max_memory_;
  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

}  // namespace

Reader decompress_zstd(ParentHandle parent, const DecompressOptions& options) {
  return decompress(std::move(parent), std::make_unique<Zstd>(options.max_memory), options);
}

}  // namespace bufio
