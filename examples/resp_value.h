// examples/resp_value.h
//
// A value of the database: its bytes, and its part of the memory that values may take.
//
// A small value is copied when it is read. A large one is shared: an answer sends it from where it
// is, also when the database has another value by then, and it counts until the last one lets go.

#ifndef EXAMPLES_RESP_VALUE_H_
#define EXAMPLES_RESP_VALUE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "examples/resp_budget.h"

namespace resp {

inline constexpr size_t kShareFrom = size_t{16} << 10;  // bytes

// A share in a large value: an owner of bytes as Writer::write_owned wants it.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::string bytes, Charge charge)
      : bytes_(std::make_shared<const Bytes>(std::move(bytes), std::move(charge))) {}

  const char* data() const { return bytes_->bytes.data(); }
  size_t size() const { return bytes_->bytes.size(); }
  explicit operator bool() const { return bytes_ != nullptr; }

 private:
  struct Bytes {
    Bytes(std::string taken, Charge charged)
        : bytes(std::move(taken)), charge(std::move(charged)) {}
    std::string bytes;
    Charge charge;
  };
  std::shared_ptr<const Bytes> bytes_;
};

class Value {
 public:
  Value(std::string bytes, Charge charge) : charge_(std::move(charge)) {
    if (bytes.size() < kShareFrom) {
      small_ = std::move(bytes);
    } else {
      large_ = SharedBytes(std::move(bytes), std::move(charge_));
    }
  }

  std::string_view bytes() const {
    return large_ ? std::string_view(large_.data(), large_.size()) : std::string_view(small_);
  }
  // Null: it is a small one.
  const SharedBytes& shared() const { return large_; }

 private:
  std::string small_;
  Charge charge_;
  SharedBytes large_;
};

}  // namespace resp

#endif  // EXAMPLES_RESP_VALUE_H_
