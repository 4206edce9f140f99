#!/usr/bin/env bash
# tools/setup.sh: installs what the build and the tests need and is missing, on Debian and its kin.
#
# Run it as often as you like: with nothing missing it only looks and is done in milliseconds. It becomes root
# (sudo) only when there is something to install. Elsewhere it says what to install and stops.
set -euo pipefail

# One word each: package, and, after a colon, a file that shows it is there in whatever version (optional).
packages=(
  bazel-bootstrap:/usr/bin/bazel
  bazel-rules-java:/usr/share/bazel/rules/java
  g++:/usr/bin/g++
  clang-19:/usr/bin/clang-19
  libclang-rt-19-dev
  pkg-config:/usr/bin/pkg-config
  git:/usr/bin/git
  liburing-dev:/usr/include/liburing.h
  libabsl-dev:/usr/include/absl/strings/cord.h
  libgtest-dev:/usr/include/gtest/gtest.h
  libgmock-dev:/usr/include/gmock/gmock.h
  libbenchmark-dev:/usr/include/benchmark/benchmark.h
  zlib1g-dev:/usr/include/zlib.h
  libzstd-dev:/usr/include/zstd.h
  liblz4-dev:/usr/include/lz4frame.h
  liblzma-dev:/usr/include/lzma.h
  libsimdjson-dev:/usr/include/simdjson.h
  libprotobuf-dev:/usr/include/google/protobuf/message.h
  protobuf-compiler:/usr/bin/protoc
  libre2-dev:/usr/include/re2/re2.h
  libasio-dev:/usr/include/asio.hpp  # a rival of //benchmarks:net
  zstd:/usr/bin/zstd  # these three make what tests decompress
  lz4:/usr/bin/lz4
  xz-utils:/usr/bin/xz
  curl:/usr/bin/curl  # this and the next one: clients that tests/apps starts
  curl:/usr/bin/curl  # this one and those that follow: programs that tests/apps starts
  wrk:/usr/bin/wrk
  redis-tools:/usr/bin/redis-cli
  redis-server:/usr/bin/redis-server
)

say() { printf 'setup: %s\n' "$*" >&2; }

installed() {
  local package=${1%%:*} file=${1#*:}
  if [[ $file != "$package" ]]; then
    [[ -e $file ]]
  else
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed
  fi
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say 'this is not Debian or one of its kin, so nothing was installed. The build needs:'
  say '  Bazel 7 or later (bazelisk finds one), which fetches all libraries itself by MODULE.bazel;'
  say '  clang 19 or later with its sanitizer runtimes, or g++ 12 or later (bazel test --config=gcc //...);'
  say '  Linux kernel headers. Then: bazel test //...'
  exit 1
fi

missing=()
for entry in "${packages[@]}"; do
  installed "$entry" || missing+=("${entry%%:*}")
done
if ((${#missing[@]} == 0)); then
  say 'nothing is missing'
  exit 0
fi

as_root=(env)
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    say "not root and no sudo; as root run: apt-get install ${missing[*]}"
    exit 1
  fi
  as_root=(sudo env)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# apt <arguments>: apt-get, unattended, patient with another apt, tried three times since mirrors hiccup.
apt() {
  local try
  for try in 1 2 3; do
    if "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
        "$@" >"$log" 2>&1 </dev/null; then
      return 0
    fi
    if ((try < 3)); then
      say "apt-get $1 failed, trying again in $((try * 5)) s"
      sleep $((try * 5))
    fi
  done
  tail -n 20 "$log" >&2
  return 1
}

say 'reading the package lists'
# An outdated mirror entry need not matter: what counts is whether the install works.
apt update || say 'apt-get update failed; going on with the lists that are here'
say "installing ${missing[*]}"
if ! apt install --no-install-recommends "${missing[@]}"; then
  say 'could not install everything; see above. Distributions older than Debian 12 do not have all of it.'
  exit 1
fi
say 'done'
