// bufio/gcc12_warning.h
//
// Warns those who compile coroutines with g++ before 13.
//
// g++ 12 miscompiles, without a word, `co_await` in a condition, a ternary, braces or a statement
// expression (PR 106188, PR 99576 and their kin). The library avoids these shapes, but its users
// write coroutines too, and `while (!(co_await reader.fill_buf()).empty())` is the natural thing to
// write. Once per translation unit, until BUFIO_GCC12_COROUTINES_READ says that the page was read.

#ifndef BUFIO_GCC12_WARNING_H_
#define BUFIO_GCC12_WARNING_H_

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13 && \
    !defined(BUFIO_GCC12_COROUTINES_READ)
#pragma GCC warning \
    "g++ before 13 silently miscompiles co_await in conditions, ternaries and braces: read docs/gcc12-coroutines.md, then define BUFIO_GCC12_COROUTINES_READ"
#endif

#endif  // BUFIO_GCC12_WARNING_H_
