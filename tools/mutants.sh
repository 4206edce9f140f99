#!/usr/bin/env bash
# tools/mutants.sh: breaks the library on purpose, and shows that its tests notice.
#
#   tools/mutants.sh                    all mutants
#   tools/mutants.sh eof_asked_again    that one; patterns as of the shell, such as 'cancel_*', are fine
#   tools/mutants.sh --list             what there is
#   tools/mutants.sh --seconds=600      as many as that time allows; it begins with others every day
#   tools/mutants.sh --config=asan …    as `bazel test` knows it
#
# A mutant is a patch, tests/mutants/NAME.patch, so that the library itself carries no planted bug. It opens with
#
#   planted: the bug, in a sentence; may go on in lines that are indented
#   breaks:  the promise
#   from:    whose bug it is, as project#number, or "-"
#   tests:   the targets of which one must fail
#
# Each is applied to a copy of this working tree, built, and tested. It is caught when a test fails, crashes, or hangs:
# that is, takes many times as long as without a mutant, and 20 seconds at least. One that survives shows a hole in the
# tests; one that does not apply or build any more is stale: both fail the run. The copy stays in $BUFIO_MUTANTS_DIR
# (~/.cache/uring-bufio-mutants), warm and with a cache of what was compiled, so that a mutant costs no more than what
# it changes, and going back from it nothing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf 'mutants: %s\n' "$*" >&2; }

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' tools/mutants.sh; }

list=0 seconds=0
flags=(--color=no --curses=no --noshow_progress --noshow_loading_progress --symlink_prefix=/)
names=()
for argument in "$@"; do
  case $argument in
    --list) list=1 ;;
    --seconds=*) seconds=${argument#*=} ;;
    -h | --help) usage && exit 0 ;;
    --*) flags+=("$argument") ;;
    *) names+=("${argument%.patch}") ;;
  esac
done
# One failure says it all, so nothing runs on after it.
test_flags=(--test_arg=--gtest_fail_fast --test_summary=short --notest_keep_going)

# header <patch> <key>: what the patch's opening says under that key, on one line.
header() {
  awk -v key="$2:" '
    /^(diff|---) / { exit }
    /^[a-z]+:/ { on = $1 == key; sub(/^[a-z]+: */, "") }
    on { sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
    END { print text }' "$1"
}

patches=()
shopt -s nullglob
for patch in tests/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  wanted=$((${#names[@]} == 0))
  # shellcheck disable=SC2053  # patterns are meant to match
  for pattern in "${names[@]}"; do [[ $name != $pattern ]] || wanted=1; done
  ((!wanted)) || patches+=("$PWD/$patch")
done
if ((${#patches[@]} == 0)); then
  say "there is no such mutant: ${names[*]}"
  exit 1
fi

if ((list)); then
  for patch in "${patches[@]}"; do
    printf '%s\n' "$(basename "$patch" .patch)"
    for key in planted breaks from tests; do printf '  %-8s %s\n' "$key:" "$(header "$patch" "$key")"; done
  done
  exit 0
fi

folder=${BUFIO_MUTANTS_DIR:-${HOME:?}/.cache/uring-bufio-mutants}
mkdir -p "$folder/tree" || exit 1
folder=$(cd "$folder" && pwd)
pristine=$folder/pristine tree=$folder/tree log=$folder/log
mkdir -p "$folder/cache" && find "$folder/cache" -type f -mtime +2 -delete
flags+=("--disk_cache=$folder/cache")
# Whatever repository this folder may lie in is none of git's business.
export GIT_CEILING_DIRECTORIES=$folder
exec 9>"$folder/lock"
flock --nonblock 9 || { say "another run uses $folder, waiting" && flock 9; }

# restore <file...>: makes these files of the tree what they are in the original; touches no others, for Bazel's sake.
restore() {
  local file
  for file in "$@"; do
    cmp -s "$pristine/$file" "$tree/$file" && continue
    mkdir -p "$tree/$(dirname "$file")" && cp -p "$pristine/$file" "$tree/$file" || return 1
  done
}

# copy_sources: what git knows here, and what it does not know yet but does not ignore, becomes the original.
copy_sources() {
  rm -rf "$pristine" && mkdir -p "$pristine" || return 1
  { git ls-files -z --cached --others --exclude-standard && printf '%s\0' user.bazelrc; } |
    while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done |
    tar --create --null --files-from=- | tar --extract --directory="$pristine" || return 1
  local files
  mapfile -t files < <(cd "$pristine" && find . -type f -printf '%P\n')
  restore "${files[@]}" || return 1
  (cd "$tree" && find . -type f -printf '%P\n') | while IFS= read -r file; do
    [[ -e $pristine/$file ]] || rm -f "$tree/$file"
  done
}

bazel_here() {
  (cd "$tree" && exec bazel --max_idle_secs=600 "$@") 9>&- </dev/null
}

# culprit <target...>: the first of them whose log tells of a failure, and the test case that the log ends in.
culprit() {
  local target logs case
  for target in "$@"; do
    logs=$testlogs/${target#//}
    logs=${logs/://}
    while IFS= read -r file; do
      # Older than this mutant: a result of before.
      [[ $file -nt $folder/started ]] || continue
      case=$(sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p' "$file" | head -n 1)
      if [[ -z $case ]]; then
        # Neither passed nor failed: it was running when the end came.
        case=$(awk '
          /^\[ RUN      \]/ { name = $4 }
          /^\[       OK \]|^\[  SKIPPED \]/ { name = "" }
          END { print name }' "$file")
        [[ -n $case ]] || continue
        if grep -q "^$target .*TIMEOUT" "$log"; then case+=' (hangs)'; else case+=' (crashes)'; fi
      fi
      printf '%s %s' "$target" "$case"
      return
    done < <(find "$logs" -name test.log 2>/dev/null | sort)
  done
  printf '%s' "$*"
}

failed_at_all() {
  sed 's/^/  | /' "$log" | tail -n "${1:-30}"
}

copy_sources || { say "cannot copy the sources to $folder" && exit 1; }
trap 'restore "${touched[@]}"' EXIT

# --- unmutated -----------------------------------------------------------------------------------

touched=()
testlogs=
: >"$folder/unmutated.log"
declare -A passes=()

# unmutated <target...>: runs those of them that have not been seen to pass without a mutant.
unmutated() {
  local target new=() start=$SECONDS
  for target in "$@"; do [[ ${passes[$target]:-} ]] || new+=("$target"); done
  ((${#new[@]})) || return 0
  if ! bazel_here test "${flags[@]}" "${test_flags[@]}" --test_output=errors --test_timeout=300 "${new[@]}" \
      >"$log" 2>&1; then
    failed_at_all 200
    return 1
  fi
  cat "$log" >>"$folder/unmutated.log"
  for target in "${new[@]}"; do passes[$target]=1; done
  [[ $testlogs ]] || testlogs=$(bazel_here info "${flags[@]}" bazel-testlogs 2>/dev/null)
  say "without a mutant ${#new[@]} test targets pass, $((SECONDS - start)) s"
}

# With a limit of time only the tests of the mutants that there is time for, as they come.
say "${#patches[@]} mutants"
if ((seconds == 0)); then
  mapfile -t targets < <(
    for patch in "${patches[@]}"; do header "$patch" tests; done | tr ' ' '\n' | sort -u | sed '/^$/d'
  )
  if ! unmutated "${targets[@]}"; then
    say 'the tests do not even pass unmutated'
    printf '0 passed, %d failed\n' "${#patches[@]}"
    exit 1
  fi
fi

# time_limit <target...>: seconds after which one of them hangs. In few steps, for Bazel forgets much when it changes.
time_limit() {
  local target
  for target in "$@"; do sed -n "s,^$target .*PASSED in \\([0-9]*\\).*s\$,\\1,p" "$folder/unmutated.log"; done |
    awk '{ if ($1 > longest) longest = $1 } END { limit = 20; while (limit < 4 * longest) limit *= 3; print limit }'
}

# --- mutated -------------------------------------------------------------------------------------

passed=0 failed=0 left=0
if ((seconds > 0)); then
  first=$((10#$(date +%j) * 97 % ${#patches[@]}))
  patches=("${patches[@]:first}" "${patches[@]:0:first}")
fi
# bad <what> <name>: this mutant was not caught.
bad() {
  printf '%-36s %s, %d s\n' "$2" "$1" $((SECONDS - start))
  ((failed += 1))
}

for patch in "${patches[@]}"; do
  ((seconds == 0 || SECONDS < seconds)) || { ((left += 1)) && continue; }
  name=$(basename "$patch" .patch)
  start=$SECONDS
  read -ra targets <<<"$(header "$patch" tests)"
  unmutated "${targets[@]}" || { bad 'UNTESTED: its tests do not even pass without it' "$name" && continue; }
  touch "$folder/started"
  mapfile -t touched < <(cd "$tree" && git apply --numstat "$patch" 2>/dev/null | cut -f3)
  if ((${#targets[@]} == 0 || ${#touched[@]} == 0)) ||
      ! (cd "$tree" && git apply -C1 --recount "$patch") >"$log" 2>&1; then
    bad 'STALE: it does not apply any more' "$name"
    failed_at_all
    restore "${touched[@]}"
    continue
  fi
  limit=$(time_limit "${targets[@]}")
  bazel_here test "${flags[@]}" "${test_flags[@]}" --test_output=summary "--test_timeout=$limit" "${targets[@]}" \
    >"$log" 2>&1
  code=$?
  case $code in
    0) bad 'SURVIVED' "$name" ;;
    3)
      printf '%-36s caught by %s, %d s\n' "$name" "$(culprit "${targets[@]}")" $((SECONDS - start))
      ((passed += 1))
      ;;
    1) bad 'STALE: it does not build any more' "$name" && failed_at_all ;;
    *) bad "BROKEN: Bazel's exit code is $code" "$name" && failed_at_all ;;
  esac
  restore "${touched[@]}"
done
touched=()

[[ ${CI:-} != true ]] || bazel_here shutdown >/dev/null 2>&1
((left == 0)) || say "$left mutants were left for another day: $seconds s are over"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
