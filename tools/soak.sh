#!/usr/bin/env bash
# tools/soak.sh MINUTES: searches for what the CI has no time for, round by round until the time is over.
#
# A round is: random programs on both kernels with a fresh seed, plain and under the sanitizers; each fuzz
# target for a while, on a corpus that is kept in $BUFIO_SOAK_DIR (~/.cache/uring-bufio-soak); and all tests, several
# times over and more at once than there are processors, in one configuration after the other: clang, g++ and clang
# unoptimised and optimised, AddressSanitizer, ThreadSanitizer for what crosses threads, and all planted bugs. A last
# step that the end of the time cuts off counts for nothing.
#
# Closes with `N passed, M failed`, counting steps, after the command that repeats each failure. Builds count as time,
# too, so the first round from a fresh clone needs some ten minutes more.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '\n=== %s\n' "$*"; }

if ! [[ ${1:-} =~ ^[0-9]+$ && $# == 1 ]]; then
  printf 'usage: tools/soak.sh MINUTES\n' >&2
  exit 2
fi
exec </dev/null

folder=${BUFIO_SOAK_DIR:-${HOME:?}/.cache/uring-bufio-soak}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 1
end=$((SECONDS + $1 * 60))
# So long takes a step of which there can be more or less.
slice=$(($1 * 60 / 20))
((slice <= 120)) || slice=120
((slice >= 10)) || slice=10
processors=$(nproc)
passed=0 failed=0
failures=()

bazel_flags=(--color=no --curses=no --noshow_progress --noshow_loading_progress)

# step <what> <command...>: runs it until it ends or the time does; that it was cut off is no failure.
step() {
  local what=$1 start=$SECONDS code left=$((end - SECONDS))
  shift
  ((left > 0)) || return 0
  say "$what: $*"
  timeout --foreground --signal=INT --kill-after=30 "$left" "$@"
  code=$?
  local took=$((SECONDS - start))
  if ((code == 0)); then
    ((passed += 1))
    say "$what: fine, $took s"
  elif ((code == 124 || code == 137)); then
    say "$what: cut off by the end of the time, $took s"
  else
    ((failed += 1))
    failures+=("$*")
    say "$what: FAILED with exit code $code, $took s"
  fi
}

# simulate <name> <flag...>: random programs on both kernels for a slice each, from a seed of its own.
simulate() {
  local name=$1
  shift
  step "programs, $name" bazel run "${bazel_flags[@]}" "$@" //tests:simulate -- --kernel=both "--seconds=$slice" \
    "--seed=$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')"
}

# fuzz: each target for a slice; the corpus grows from round to round.
fuzz() {
  local target name
  while read -r target; do
    name=${target##*[:/]}
    mkdir -p "$folder/$name/corpus"
    step "fuzz, $name" bazel run "${bazel_flags[@]}" --config=fuzz "$target" -- \
      "-max_total_time=$slice" "-artifact_prefix=$folder/$name/" "$folder/$name/corpus"
  done < <(bazel query 'attr(name, "_fuzz$", kind(cc_test, //...))' 2>/dev/null)
}

# tests <name> <flag...>: the suite again and again, on a machine that is busy with it.
tests() {
  local name=$1
  shift
  step "tests, $name" bazel test "${bazel_flags[@]}" --keep_going --runs_per_test=5 --test_output=errors \
    "--local_test_jobs=$((2 * processors))" --test_timeout=600 "$@" //...
}

for ((round = 1; SECONDS < end; ++round)); do
  say "round $round, $(((end - SECONDS + 59) / 60)) minutes left"
  simulate plain -c opt
  simulate asan --config=asan
  fuzz
  case $((round % 7)) in
    1) tests asan --config=asan ;;
    2) tests 'gcc -O2' --config=gcc -c opt ;;
    3) tests clang ;;
    4) tests tsan --config=tsan --test_tag_filters=threads --build_tests_only ;;
    5) tests gcc --config=gcc ;;
    6) step mutants tools/mutants.sh ;;
    0) tests 'clang -O2' -c opt ;;
  esac
done

if ((failed > 0)); then
  say 'what failed; to repeat it:'
  printf '  %s\n' "${failures[@]}"
fi
say "$((round - 1)) rounds, $SECONDS s"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
