#include "bufio/memory_writer.h"

#include <utility>

#include "absl/strings/string_view.h"

namespace bufio {
namespace {

void append(std::string& into, const uring::Piece& piece) { into.append(piece.data, piece.size); }

void append(absl::Cord& into, const uring::Piece& piece) {
  into.Append(absl::string_view(piece.data, piece.size));
}

template <class Memory>
class MemorySink final : public WriterState {
 public:
  MemorySink(Memory& into, WriterOptions options)
      : WriterState(nullptr, 0, std::move(options)), into_(into) {}

  std::string_view name() const override { return "memory"; }
  void retire() override {}

 private:
  void send() override {
    size_t taken = 0;
    mutable_queue().gather([&](const uring::Piece& piece) {
      append(into_, piece);
      taken += piece.size;
      return true;
    });
    wrote(taken);
  }
  void last_words() override { push(); }

  Memory& into_;
};

}  // namespace

Writer write_to_string(std::string& into, WriterOptions options) {
  return Writer(uring::make_ref<MemorySink<std::string>>(into, std::move(options)));
}

Writer write_to_cord(absl::Cord& into, WriterOptions options) {
  return Writer(uring::make_ref<MemorySink<absl::Cord>>(into, std::move(options)));
}

}  // namespace bufio
