"""Stands in for rules_cc under Bazel 4.2.3, whose native rules these are.

Debian's own rules_cc needs a newer Bazel. Bazel 7 and later fetch the real one. What is compiled here also gets what
it takes to link with Debian's libraries.
"""

load("@system_compiler//:copts.bzl", "SYSTEM_COPTS")

def cc_binary(copts = [], **kwargs):
    native.cc_binary(copts = SYSTEM_COPTS + copts, **kwargs)

def cc_library(copts = [], **kwargs):
    native.cc_library(copts = SYSTEM_COPTS + copts, **kwargs)

def cc_test(copts = [], **kwargs):
    native.cc_test(copts = SYSTEM_COPTS + copts, **kwargs)

cc_import = native.cc_import
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
