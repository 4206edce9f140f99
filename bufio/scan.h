// bufio/scan.h
//
// Finding delimiters in borrowed bytes.
//
// Everything here is a pure function of its arguments: no state, no allocation, no I/O, callable
// from any thread. None of it touches a byte outside the range that it is given, so it runs on
// unpadded memory, next to an unmapped page, and next to bytes that AddressSanitizer has poisoned.
// The vector width is chosen once, from what the processor has (bufio/scan_kernels.h).
//
// To walk all the delimiters of a range, use DelimiterIndex (bufio/delimiter_index.h): it is faster
// than a loop over find_byte().

#ifndef BUFIO_SCAN_H_
#define BUFIO_SCAN_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bufio {

// How often `byte` occurs. As fast as the second-level cache delivers.
size_t count_byte(std::string_view bytes, char byte);

// The offset of the first `byte` at or after `from`, or npos. A `from` behind the end finds
// nothing.
size_t find_byte(std::string_view bytes, char byte, size_t from = 0);

// Sets bit i of masks[b] when data[64 * b + i] == byte, for each of `blocks` blocks of 64 bytes.
// `data` needs no alignment. Worth calling with a few dozen blocks at a time: the call itself goes
// through a pointer.
void byte_masks(const char* data, size_t blocks, char byte, uint64_t* masks);

// What a scan of a view says.
struct ScanResult {
  static constexpr ScanResult token(size_t length) { return {true, length, length}; }
  static constexpr ScanResult more(size_t examined) { return {false, 0, examined}; }

  bool found;       // the view starts with a whole token
  size_t length;    // found: bytes of the token, its delimiter included
  size_t examined;  // not found: the offset to resume from, once the view has grown

  friend bool operator==(const ScanResult&, const ScanResult&) = default;
};

// Looks for the first occurrence of `delimiter` that starts at or after `from`.
//
//   found      length = offset just behind the delimiter, counted from the start of the view
//   not found  examined = the first start that could not be tested yet because the view is too
//   short: at most
//              delimiter.size() - 1 bytes before the end. Bytes in front of it belong to no later
//              match, so a caller that skips may drop them.
//   empty delimiter  never found
//
// Reads nothing in front of `from`. Each start is tested once over all the calls of a resumed scan,
// and one call costs O(bytes behind `from` + delimiter.size()) whatever the bytes are: short tests
// are vectorised, and input that defeats them is handed to memmem(3), which glibc and musl bound
// linearly.
ScanResult scan_delimiter(std::string_view view, size_t from, std::string_view delimiter);

namespace internal {
// As above, and adds to `work` how often a byte was looked at, so that a test can count instead of
// measuring time.
ScanResult scan_delimiter(std::string_view view, size_t from, std::string_view delimiter,
                          size_t& work);
}  // namespace internal

// A Scanner decides where a token ends. The Reader calls it with a view that starts at the token's
// first byte, each time more bytes have arrived:
//
//   ScanResult operator()(std::string_view view, size_t from, bool final);
//
//   view   every byte of the token seen so far. Later views of the same token start at the same
//   byte and
//          are never shorter, but may lie at another address: keep offsets, not pointers.
//   from   0 on the first call, then the `examined` of the previous result. A scanner that starts
//   there does
//          linear work in total.
//   final  the source has ended: no later view will be longer. A scanner may accept what is left as
//   a token. If it
//          answers "not found", the Reader applies its rules for a source that ends inside a token.
//
//   token(n)  needs 1 <= n <= view.size()
//   more(n)   needs n <= view.size(). Everything that the scanner has to know again about the bytes
//   in front
//             of n must be recomputable from the view, because the Reader remembers only n.
//
// It must not keep the view, nor call back into the Reader.
template <class S>
concept Scanner = requires(S& scan, std::string_view view, size_t from, bool final) {
  { scan(view, from, final) } -> std::same_as<ScanResult>;
};

// A Scanner whose progress outlives it.
//
// The Reader keeps `examined` (the scan mark) when a call is destroyed or times out. The next call
// may continue from there only if its scanner would have said the same: scanners of one type with
// equal keys promise to answer alike for every view, so each may continue the other's scan. Without
// key(), or with another key or type, the Reader scans the token again from its first byte:
// correct, but no longer linear.
template <class S>
concept KeyedScanner = Scanner<S> && requires(const S& scan) {
  { scan.key() } -> std::same_as<uint64_t>;
};

// A token ends with `delimiter`, which the scanner only borrows: it must live as long as the
// scanner does.
class DelimiterScanner {
 public:
  explicit constexpr DelimiterScanner(std::string_view delimiter) : delimiter_(delimiter) {}

  ScanResult operator()(std::string_view view, size_t from, bool /*final*/) const {
    return scan_delimiter(view, from, delimiter_);
  }

  // The delimiter itself when it has at most 7 bytes, else a 64-bit hash of it. Costs
  // O(delimiter.size()).
  uint64_t key() const;

 private:
  std::string_view delimiter_;
};

}  // namespace bufio

#endif  // BUFIO_SCAN_H_
