// uring/ref.h
//
// Intrusive reference counts for state that outlives its owner.
//
// A request in flight shares everything the kernel may touch: buffer, descriptor, path. Each of
// those is a RefCounted object, and a Ref is one share. Counts are not atomic: everything here
// belongs to one Ring and its thread.

#ifndef URING_REF_H_
#define URING_REF_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace uring {

// Base of a counted object. `T` is deleted when its last Ref goes; give T a virtual destructor if
// it is a base itself.
template <class T>
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void add_ref() const { ++refs_; }
  void release_ref() const {
    if (--refs_ == 0) delete static_cast<const T*>(this);
  }
  uint32_t ref_count() const { return refs_; }

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  mutable uint32_t refs_ = 0;
};

// One share in a RefCounted object, or null.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->add_ref();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  requires(!__is_same(T, U) && requires(U * u) { static_cast<T*>(u); }) Ref(Ref<U> other)
      : object_(other.leak()) {}
  ~Ref() {
    if (object_ != nullptr) object_->release_ref();
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  void reset() { Ref().swap(*this); }
  void swap(Ref& other) noexcept { std::swap(object_, other.object_); }
  // Gives up the share without releasing it: the object lives until somebody adopts it again, or
  // for ever.
  T* leak() { return std::exchange(object_, nullptr); }

  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace uring

#endif  // URING_REF_H_
