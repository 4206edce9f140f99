#include "uring/open.h"

#include <linux/openat2.h>

#include <utility>

namespace uring {
namespace {

class OpenOperation final : public ResultOperation {
 public:
  OpenOperation(Ref<RingCore> ring, std::string path, int flags, mode_t mode)
      : ResultOperation(std::move(ring), Result::kDescriptor),
        path_(std::move(path)),
        flags_(flags),
        mode_(mode) {}

  std::string describe() const override { return "open " + path_; }
  size_t pinned_bytes() const override { return path_.size() + 1; }

 private:
  void prepare() override {
    io_uring_prep_openat(&blank_sqe(), AT_FDCWD, path_.c_str(), flags_, mode_);
  }

  std::string path_;
  int flags_;
  mode_t mode_;
};

class OpenBeneathOperation final : public ResultOperation {
 public:
  OpenBeneathOperation(Ref<RingCore> ring, Ref<Descriptor> root, std::string path, int flags,
                       mode_t mode)
      : ResultOperation(std::move(ring), Result::kDescriptor),
        root_(std::move(root)),
        path_(std::move(path)) {
    how_.flags = static_cast<unsigned>(flags);
    // openat2(2) refuses a mode that is of no use.
    if ((flags & O_CREAT) != 0) how_.mode = mode;
    how_.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  }

  std::string describe() const override { return "open " + path_ + " below " + root_->name(); }
  size_t pinned_bytes() const override { return path_.size() + 1 + sizeof how_; }

 private:
  void prepare() override {
    io_uring_prep_openat2(&blank_sqe(), root_->fd(), path_.c_str(), &how_);
  }

  Ref<Descriptor> root_;
  std::string path_;
  open_how how_ = {};
};

}  // namespace

OpenAwaiter::OpenAwaiter(Ring& ring, std::string path, int flags, mode_t mode)
    : ResultAwaiter(Ref<ResultOperation>(
          new OpenOperation(Ref<RingCore>(&ring.core()), path, flags | O_CLOEXEC, mode))),
      path_(std::move(path)) {}

OpenAwaiter::OpenAwaiter(Ring& ring, Ref<Descriptor> root, std::string path, int flags, mode_t mode)
    : ResultAwaiter(Ref<ResultOperation>(new OpenBeneathOperation(
          Ref<RingCore>(&ring.core()), std::move(root), path, flags | O_CLOEXEC, mode))),
      path_(std::move(path)) {}

absl::StatusOr<Ref<Descriptor>> OpenAwaiter::await_resume() {
  absl::StatusOr<int> fd = result("open", path_);
  if (!fd.ok()) return std::move(fd).status();
  return make_ref<Descriptor>(*fd, Descriptor::Ownership::kOwned, std::move(path_));
}

OpenAwaiter open_file(Ring& ring, std::string_view path, int flags, mode_t mode) {
  return OpenAwaiter(ring, std::string(path), flags, mode);
}

OpenAwaiter open_beneath(Ring& ring, Ref<Descriptor> root, std::string_view path, int flags,
                         mode_t mode) {
  return OpenAwaiter(ring, std::move(root), std::string(path), flags, mode);
}

}  // namespace uring
