"""The system's libraries, under the labels that their own Bazel files use.

Each target asks pkg-config for the flags of the modules behind it. Only WORKSPACE (Debian's Bazel 4.2.3) loads
this; Bazel 7 and later get the same labels from MODULE.bazel.
"""

# package in @com_google_absl -> target -> pkg-config modules, or, as ":name", another target of that package.
_ABSEIL = {
    "absl/algorithm": {"algorithm": "absl_algorithm", "container": "absl_algorithm_container"},
    "absl/base": {
        "base": "absl_base",
        "config": "absl_config",
        "core_headers": "absl_core_headers",
        "dynamic_annotations": "absl_dynamic_annotations",
        "endian": "absl_endian",
        "log_severity": "absl_log_severity",
        "prefetch": "absl_prefetch",
    },
    "absl/cleanup": {"cleanup": "absl_cleanup"},
    "absl/container": {
        "btree": "absl_btree",
        "fixed_array": "absl_fixed_array",
        "flat_hash_map": "absl_flat_hash_map",
        "flat_hash_set": "absl_flat_hash_set",
        "inlined_vector": "absl_inlined_vector",
        "node_hash_map": "absl_node_hash_map",
        "node_hash_set": "absl_node_hash_set",
    },
    "absl/debugging": {
        "failure_signal_handler": "absl_failure_signal_handler",
        "leak_check": "absl_leak_check",
        "stacktrace": "absl_stacktrace",
        "symbolize": "absl_symbolize",
    },
    "absl/flags": {
        "flag": "absl_flags",
        "parse": "absl_flags_parse",
        "reflection": "absl_flags_reflection",
        "usage": "absl_flags_usage",
    },
    "absl/functional": {
        "any_invocable": "absl_any_invocable",
        "bind_front": "absl_bind_front",
        "function_ref": "absl_function_ref",
    },
    "absl/hash": {"hash": "absl_hash"},
    "absl/memory": {"memory": "absl_memory"},
    "absl/meta": {"type_traits": "absl_meta absl_type_traits"},
    "absl/numeric": {"bits": "absl_bits", "int128": "absl_int128"},
    "absl/random": {"bit_gen_ref": "absl_random_bit_gen_ref", "random": "absl_random_random"},
    "absl/status": {"status": "absl_status", "statusor": "absl_statusor"},
    "absl/strings": {
        "cord": "absl_cord",
        "str_format": "absl_str_format",
        "string_view": "absl_strings",
        "strings": "absl_strings",
    },
    "absl/synchronization": {"synchronization": "absl_synchronization"},
    "absl/time": {"time": "absl_time"},
    "absl/types": {
        "any": "absl_any",
        "compare": "absl_compare",
        "optional": "absl_optional",
        "span": "absl_span",
        "variant": "absl_variant",
    },
    "absl/utility": {"utility": "absl_utility"},
}

_GOOGLETEST = {"": {"gtest": "gmock", "gtest_main": "gmock_main gmock"}}

# Debian's libbenchmark has no pkg-config file for the library with main().
_BENCHMARK = {"": {"benchmark": "benchmark", "benchmark_main": "benchmark -lbenchmark_main"}}

_LIBURING = {"": {"uring": "liburing"}}

# What single targets need besides: each decompressing source its codec, each parser its library.
_ZLIB = {"": {"zlib": "zlib"}}
_ZSTD = {"": {"zstd": "libzstd"}}
_LZ4 = {"": {"lz4": "liblz4", "lz4_frame": "liblz4"}}
_LZMA = {"": {"lzma": "liblzma"}}
_SIMDJSON = {"": {"simdjson": "simdjson"}}
_PROTOBUF = {"": {"protobuf": "protobuf"}}
_RE2 = {"": {"re2": "re2"}}

# A rival of benchmarks; headers only, and no pkg-config file.
_ASIO = {"": {"asio": "-pthread"}}

_TARGET = """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
)
"""

def _pkg_config(ctx, tool, modules):
    result = ctx.execute([tool, "--cflags", "--libs"] + modules)
    if result.return_code != 0:
        fail("\n\n%s is missing (pkg-config does not know %s). Run tools/setup.sh, or:  apt-get install %s\n" %
             (ctx.name, " ".join(modules), ctx.attr.debian_package))

    # Each target needs its modules' own flags only once: Abseil names a library many times over.
    flags = []
    for flag in result.stdout.split(" "):
        flag = flag.strip()
        if flag and flag not in flags:
            flags.append(flag)
    return flags

def _system_library_impl(ctx):
    tool = ctx.which("pkg-config")
    if not tool:
        fail("\n\npkg-config is missing. Run tools/setup.sh, or:  apt-get install pkg-config %s\n" %
             ctx.attr.debian_package)
    packages = json.decode(ctx.attr.packages)
    for package, targets in packages.items():
        build = ["# Written by system_libraries.bzl.\npackage(default_visibility = [\"//visibility:public\"])\n"]
        for name, words in targets.items():
            extra = [word for word in words.split(" ") if word.startswith("-")]
            modules = [word for word in words.split(" ") if not word.startswith("-")]
            flags = extra + (_pkg_config(ctx, tool, modules) if modules else [])
            build.append(_TARGET.format(
                name = name,
                defines = repr([flag[2:] for flag in flags if flag.startswith("-D")]),
                linkopts = repr([flag for flag in flags if not flag.startswith("-D") and not flag.startswith("-I")]),
            ))
        ctx.file((package + "/" if package else "") + "BUILD", "".join(build))

_system_library = repository_rule(
    implementation = _system_library_impl,
    attrs = {
        "debian_package": attr.string(mandatory = True),
        "packages": attr.string(mandatory = True),
    },
    environ = ["PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PATH"],
    configure = True,
    local = True,
    doc = "A repository of cc_library targets whose flags come from pkg-config.",
)

def _system_compiler_impl(ctx):
    # Debian built its libraries with g++ 12. Clang 18 and later mangle templates constrained by enable_if anew, so
    # that absl::Cord(std::string&&) would not link; told to, they mangle as Clang 17 and g++ 12 do.
    flag = "-fclang-abi-compat=17"
    compiler = ctx.os.environ.get("CC", "cc")
    known = ctx.execute([compiler, flag, "-x", "c++", "-fsyntax-only", "/dev/null"]).return_code == 0
    ctx.file("BUILD")
    ctx.file("copts.bzl", "SYSTEM_COPTS = %s\n" % ([flag] if known else []))

_system_compiler = repository_rule(
    implementation = _system_compiler_impl,
    environ = ["CC", "PATH"],
    configure = True,
    local = True,
    doc = "What the compiler must be told to link with the system's libraries, as @system_compiler//:copts.bzl.",
)

def system_libraries():
    """Declares @com_google_absl, @com_google_googletest and so on: each label is read when something needs it."""
    _system_compiler(name = "system_compiler")
    for name, debian_package, packages in [
        ("com_google_absl", "libabsl-dev", _ABSEIL),
        ("com_google_googletest", "libgtest-dev libgmock-dev", _GOOGLETEST),
        ("com_github_google_benchmark", "libbenchmark-dev", _BENCHMARK),
        ("liburing", "liburing-dev", _LIBURING),
        ("zlib", "zlib1g-dev", _ZLIB),
        ("zstd", "libzstd-dev", _ZSTD),
        ("lz4", "liblz4-dev", _LZ4),
        ("xz", "liblzma-dev", _LZMA),
        ("simdjson", "libsimdjson-dev", _SIMDJSON),
        ("com_google_protobuf", "libprotobuf-dev", _PROTOBUF),
        ("re2", "libre2-dev", _RE2),
        ("asio", "libasio-dev", _ASIO),
    ]:
        _system_library(
            name = name,
            debian_package = debian_package,
            packages = json.encode(packages),
        )
