#include "uring/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace uring {
namespace {

struct Case {
  int error;
  absl::StatusCode code;
};

TEST(Status, OfAnErrnoHasItsCodeAndKeepsIt) {
  for (const Case& one : {Case{ENOENT, absl::StatusCode::kNotFound},
                          Case{EACCES, absl::StatusCode::kPermissionDenied},
                          Case{EPERM, absl::StatusCode::kPermissionDenied},
                          Case{EINVAL, absl::StatusCode::kInvalidArgument},
                          Case{EBADF, absl::StatusCode::kFailedPrecondition},
                          Case{EMFILE, absl::StatusCode::kResourceExhausted},
                          Case{ECANCELED, absl::StatusCode::kCancelled}}) {
    const absl::Status status = errno_status(one.error, "read", "log.txt");
    EXPECT_EQ(status.code(), one.code) << status;
    EXPECT_EQ(errno_of(status), one.error);
  }
}

TEST(Status, NamesOperationTargetAndReason) {
  EXPECT_EQ(errno_status(ENOENT, "open", "/no/such").message(),
            "open /no/such: No such file or directory");
}

TEST(Status, OfAnErrorThatNobodyKnowsIsAnError) {
  for (const int error : {512, 9999, 2147483647}) {
    const absl::Status status = errno_status(error, "read", "fd 7");
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(errno_of(status), error);
  }
}

TEST(Status, OfNoSystemCallHasNoErrno) {
  EXPECT_EQ(errno_of(absl::OkStatus()), 0);
  EXPECT_EQ(errno_of(absl::InternalError("x")), 0);
}

TEST(Status, AnnotatedKeepsCodeAndErrno) {
  const absl::Status status = annotate(errno_status(EIO, "read", "disk"), "line 3");
  EXPECT_EQ(status.message(), "line 3: read disk: Input/output error");
  EXPECT_EQ(errno_of(status), EIO);
  EXPECT_EQ(annotate(absl::OkStatus(), "line 3"), absl::OkStatus());
}

}  // namespace
}  // namespace uring
