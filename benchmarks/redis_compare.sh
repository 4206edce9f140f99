#!/usr/bin/env bash
# benchmarks/redis_compare.sh: resp_server beside Debian's redis-server, both under redis-benchmark.
#
#   benchmarks/redis_compare.sh                 5 rounds of ping, set, get and incr, one at a time and 32 deep
#   benchmarks/redis_compare.sh 9 get           9 rounds of get
#
# Both run all the time, on one core each, and redis-benchmark on another where there is one; each round asks both, in
# turn, so that what else the machine does meets both. Prints the medians in thousands of requests a second, and ours as
# a multiple of redis-server's. REQUESTS (100000) is how many each measurement takes, ten times as many for 32 deep.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-5}
tests=${2:-ping_mbulk,set,get,incr}
requests=${REQUESTS:-100000}

bazel build -c opt --noshow_progress --ui_event_filters=-info //examples:resp_server

work=$(mktemp -d)
pids=()
clean_up() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap clean_up EXIT

on_server_core=(taskset -c 0)
on_client_core=(taskset -c "$(($(nproc) > 1 ? 1 : 0))")

"${on_server_core[@]}" bazel-bin/examples/resp_server --port=0 >"$work/ours" &
pids+=($!)
# A port that resp_server had for a moment is free for redis-server.
"${on_server_core[@]}" bazel-bin/examples/resp_server --port=0 >"$work/probe" &
probe=$!
port_in() {
  local try
  for ((try = 0; try < 100; ++try)); do
    [[ ! -s $1 ]] || break
    sleep 0.1
  done
  sed -n 's/^listening on .*://p' "$1"
}
ours=$(port_in "$work/ours")
theirs=$(port_in "$work/probe")
kill "$probe"
wait "$probe" || true
"${on_server_core[@]}" redis-server --port "$theirs" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" \
  >"$work/redis.log" &
pids+=($!)
for ((try = 0; try < 100; ++try)); do
  [[ $(redis-cli -p "$theirs" ping 2>/dev/null) != PONG ]] || break
  sleep 0.1
done

# measure <server> <port> <depth> <test>: appends a line to $work/figures.
measure() {
  local count=$((requests * ($3 > 1 ? 10 : 1)))
  "${on_client_core[@]}" redis-benchmark -p "$2" -c 50 -n "$count" -P "$3" -t "$4" --csv 2>"$work/err" |
    awk -F'","' -v server="$1" -v depth="$3" 'NR > 1 { sub(/^"/, "", $1); print server, depth, $1, $2 }' \
      >>"$work/figures"
  [[ ! -s $work/err ]] || { cat "$work/err" >&2 && exit 1; }
}

IFS=, read -ra names <<<"$tests"
for ((round = 0; round < rounds; ++round)); do
  for depth in 1 32; do
    for name in "${names[@]}"; do
      if ((round % 2 == 0)); then
        measure ours "$ours" "$depth" "$name"
        measure theirs "$theirs" "$depth" "$name"
      else
        measure theirs "$theirs" "$depth" "$name"
        measure ours "$ours" "$depth" "$name"
      fi
    done
  done
done

sort -k2,2n -k3,3 -k1,1 -k4,4n "$work/figures" | awk '
  function finish() {
    if (count > 0) median[last] = (values[int((count + 1) / 2)] + values[int((count + 2) / 2)]) / 2
    count = 0
  }
  BEGIN { print "| redis-benchmark -c 50 | resp_server, k/s | redis-server, k/s | ratio |\n| --- | --- | --- | --- |" }
  {
    key = $2 " " $3 " " $1
    if (key != last) finish()
    last = key
    values[++count] = $4
    if (!(($2 " " $3) in seen)) { seen[$2 " " $3] = 1; order[++cases] = $2 " " $3 }
  }
  END {
    finish()
    for (i = 1; i <= cases; ++i) {
      split(order[i], part, " ")
      a = median[order[i] " ours"]
      b = median[order[i] " theirs"]
      printf "| -P %s %s | %.0f | %.0f | %.2f |\n", part[1], part[2], a / 1000, b / 1000, a / b
    }
  }'
