"""Stands in for rules_cc under Bazel 4.2.3, whose native rules these are.

Debian's own rules_cc needs a newer Bazel. Bazel 7 and later fetch the real one.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
