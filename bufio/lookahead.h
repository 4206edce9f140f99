// bufio/lookahead.h
//
// Reading ahead of oneself: a Reader whose bytes can be had again.
//
//   bufio::Lookahead ahead(reader);
//   absl::StatusOr<Header> header = co_await parse_header(ahead.reader());
//   if (header.ok()) ahead.commit();       // else `reader` stands where it stood

#ifndef BUFIO_LOOKAHEAD_H_
#define BUFIO_LOOKAHEAD_H_

#include "bufio/reader.h"

namespace bufio {

// Begins at the cursor of `parent`, which it borrows; parent and Lookahead may be moved, and the
// parent may go first. While it lives, calls on the parent are FailedPrecondition.
//
// All that is looked at stays in the parent's buffer: a call for which that would have to be more
// than the parent's max_buffer_size (or the call's own limit) is ResourceExhausted, with nothing
// consumed.
//   cost   one allocation, recycled; rolling back moves a pointer
class Lookahead {
 public:
  explicit Lookahead(Reader& parent);
  // Rolls back: the parent stands where commit() was called last, or where it stood.
  ~Lookahead() = default;
  Lookahead(Lookahead&&) noexcept = default;
  Lookahead& operator=(Lookahead&&) noexcept = default;

  // What to read from and consume. A Reader like any other.
  Reader& reader() { return reader_; }

  // What has been consumed so far stays consumed; goes on from there.
  void commit();

  // What has been consumed since the last commit() has not been; goes on from there. Ends views. No
  // call may wait.
  void roll_back();

 private:
  Reader reader_;
};

}  // namespace bufio

#endif  // BUFIO_LOOKAHEAD_H_
