"""bufio_cc_library and its kin: rules_cc with our warnings and the checks that every target wants."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wno-missing-field-initializers",  # Options{.depth = 4} is how options are meant to be written.
]

def _copts(copts):
    return _WARNINGS + select({
        "//tools:strict": ["-Werror"],
        "//conditions:default": [],
    }) + copts

def bufio_cc_library(name, hdrs = [], srcs = [], deps = [], copts = [], testonly = False, **kwargs):
    """cc_library that also compiles each of its headers alone.

    Args:
      name: as for cc_library, like everything else.
      hdrs: each must compile with nothing included before it.
      srcs: as for cc_library.
      deps: as for cc_library.
      copts: added to the project's own.
      testonly: as for cc_library.
      **kwargs: passed on; visibility is private unless given.
    """
    cc_library(
        name = name,
        hdrs = hdrs,
        srcs = srcs,
        deps = deps,
        copts = _copts(copts),
        testonly = testonly,
        **kwargs
    )
    for header in hdrs:
        path = header.replace(":", "")
        if native.package_name():
            path = native.package_name() + "/" + path
        cc_library(
            name = name + "." + header.replace(":", "").replace("/", "_") + ".alone",
            # One look at each header with each compiler is enough; sanitizers would see nothing new.
            srcs = select({
                "//tools:sanitized": [],
                "//conditions:default": ["//tools:header_check.cc"],
            }),
            deps = [":" + name],
            copts = _copts(copts) + ["-O0", "-g0", "-include", path],
            testonly = testonly,
            tags = ["header_alone"],
            visibility = ["//visibility:private"],
        )

def bufio_cc_binary(name, copts = [], **kwargs):
    """cc_binary with the project's warnings."""
    cc_binary(
        name = name,
        copts = _copts(copts),
        **kwargs
    )

def bufio_cc_test(name, srcs = None, deps = [], copts = [], size = "small", main = True, **kwargs):
    """cc_test with GoogleTest (gmock included), small unless said otherwise.

    Args:
      name: the test; its source is name + ".cc" unless srcs are given.
      srcs: sources.
      deps: added to GoogleTest.
      copts: added to the project's own.
      size: as for cc_test.
      main: False where the test brings its own main function.
      **kwargs: passed on; tags = ["threads"] where threads meet, so that ThreadSanitizer looks.
    """
    cc_test(
        name = name,
        srcs = [name + ".cc"] if srcs == None else srcs,
        deps = deps + [
            "@com_google_googletest//:gtest_main" if main else "@com_google_googletest//:gtest",
        ],
        copts = _copts(copts),
        size = size,
        **kwargs
    )

def bufio_cc_fuzz_test(name, srcs = None, deps = [], copts = [], corpus = [], **kwargs):
    """A libFuzzer target, which defines LLVMFuzzerTestOneInput.

    `bazel test` replays the corpus and nothing else. With --config=fuzz it is the fuzzer, by default for 20 seconds:
      bazel run --config=fuzz //bufio:window_fuzz -- -max_total_time=60 /tmp/corpus

    Args:
      name: the target; its source is name + ".cc" unless srcs are given.
      srcs: sources.
      deps: what it fuzzes.
      copts: added to the project's own.
      corpus: files replayed by every test run.
      **kwargs: passed on.
    """
    cc_test(
        name = name,
        srcs = ([name + ".cc"] if srcs == None else srcs) + select({
            "//tools:fuzz": [],
            "//conditions:default": ["//tools:fuzz_replay_main.cc"],
        }),
        deps = deps,
        copts = _copts(copts),
        linkopts = select({
            "//tools:fuzz": ["-fsanitize=fuzzer", "-lstdc++"],
            "//conditions:default": [],
        }),
        data = corpus,
        args = select({
            # Given files, libFuzzer would only replay them. A later -max_total_time wins.
            "//tools:fuzz": ["-max_total_time=20"],
            "//conditions:default": ["$(location %s)" % file for file in corpus],
        }),
        size = "small",
        **kwargs
    )

def export_lint_sources():
    """Gives this package's sources to tests/lint; call it once in each BUILD file that has any."""
    native.filegroup(
        name = "lint_sources",
        srcs = native.glob(["**/*.h", "**/*.cc", "**/*.md"]),
        visibility = ["//tests/lint:__pkg__"],
    )
