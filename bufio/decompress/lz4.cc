#include "bufio/decompress/lz4.h"

#include <lz4frame.h>

#include <cstddef>
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

class Lz4 final : public Decompressor {
 public:
  std::string_view format() const override { return "lz4"; }

  Head look_at(std::string_view bytes) const override {
    if (bytes.size() < 4) return Head::kTooShort;
    return begins_lz4(bytes) || begins_skippable_frame(bytes) ? Head::kMember : Head::kOther;
  }

  absl::Status begin() override {
    if (context_) {
      LZ4F_resetDecompressionContext(context_.get());
      return absl::OkStatus();
    }
    LZ4F_dctx* context = nullptr;
    const size_t result = LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    if (LZ4F_isError(result) != 0) return absl::ResourceExhaustedError("lz4 cannot start");
    context_.reset(context);
    return absl::OkStatus();
  }

  Step run(std::string_view in, std::span<char> out) override {
    Step step;
    step.consumed = in.size();
    step.produced = out.size();
    const size_t result = LZ4F_decompress(context_.get(), out.data(), &step.produced, in.data(),
                                          &step.consumed, nullptr);
    if (LZ4F_isError(result) != 0) {
      // The counts mean nothing then.
      step.consumed = step.produced = 0;
      step.status =
          absl::InvalidArgumentError(absl::StrCat("corrupt: ", LZ4F_getErrorName(result)));
    } else {
      step.ended = result == 0;
    }
    return step;
  }

 private:
  struct Free {
    void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
  };

  std::unique_ptr<LZ4F_dctx, Free> context_;
};

}  // namespace

Reader decompress_lz4(ParentHandle parent, const DecompressOptions& options) {
  return decompress(std::move(parent), std::make_unique<Lz4>(), options);
}

}  // namespace bufio
