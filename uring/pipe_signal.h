// uring/pipe_signal.h
//
// Keeps SIGPIPE away from whoever writes to a pipe that nobody reads.
//
// send(2) has MSG_NOSIGNAL, write(2) has nothing of the kind until Linux 6.18, whose RWF_NOSIGNAL
// does the same for any write. A kernel that does not know the flag refuses the write with
// EOPNOTSUPP, having written nothing; from then on it is not used in this process, and each thread
// that writes to a pipe blocks SIGPIPE for itself instead, for good, and takes the signals that its
// writes have raised. The disposition of SIGPIPE, which is the whole process's, is never touched.
//
// Any thread may call these.

#ifndef URING_PIPE_SIGNAL_H_
#define URING_PIPE_SIGNAL_H_

namespace uring {

// Before a write to a pipe: the flags for its `rw_flags`. Two loads, and one system call for each
// thread where the flag is not known.
int pipe_write_flags();

// A write with these flags, not 0, was refused with EOPNOTSUPP: they are not known here.
void pipe_write_flags_refused();

// A write with these flags failed with EPIPE: if they were 0, takes the signal that it has raised.
void pipe_write_broke(int flags);

}  // namespace uring

#endif  // URING_PIPE_SIGNAL_H_
