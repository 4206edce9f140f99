#!/usr/bin/env bash
# Draws docs/net.svg from what //benchmarks:net prints:
#
#   bazel run -c opt //benchmarks:net | tee /tmp/net.txt && benchmarks/plot_net.sh </tmp/net.txt >docs/net.svg
#
# Bars are multiples of hand-written epoll in the same case.
set -euo pipefail

awk '
  function label(name) {
    if (name == "ours") return "Reader and Writer"
    if (name == "ours_pool") return "the same, shared pool"
    if (name == "epoll") return "epoll by hand"
    if (name == "uring_multishot") return "io_uring by hand, multishot"
    if (name == "uring_single") return "io_uring by hand, single shot"
    if (name == "asio_epoll") return "Asio on epoll"
    if (name == "asio_uring") return "Asio on io_uring"
    return name
  }
  function title(test) {
    if (test ~ /^echo64\/1$/) return "echo, 64 bytes, 1 connection, both ends sleep"
    if (test ~ /^echo64\//) return "echo, 64 bytes, " substr(test, 8) " connections"
    if (test ~ /^echo512x16\//) return "echo, 512 bytes, 16 outstanding, " substr(test, 12) " connections"
    if (test ~ /^lines32\//) return "lines, 32 outstanding, " substr(test, 9) " connections"
    return test
  }
  function color(name) { return name ~ /^ours/ ? "#2f6fb0" : name ~ /^uring/ ? "#8a8f98" : "#c3c7cd" }
  function text(x, y, anchor, what) {
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, what
  }
  $1 == "net" && $4 != "ours_polling" {
    test = $2 "/" $3
    if (!(test in count)) tests[++number] = test
    names[test, ++count[test]] = $4
    rate[test, $4] = $5
    multiple[test, $4] = $6
  }
  END {
    if (number == 0) { print "no lines that begin with net" > "/dev/stderr"; exit 1 }
    left = 220; unit = 330; step = 17
    height = 20
    for (i = 1; i <= number; ++i) height += 34 + count[tests[i]] * step
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"%d\"", height
    print " font-family=\"sans-serif\" font-size=\"12\">"
    printf "<rect width=\"800\" height=\"%d\" fill=\"#ffffff\"/>\n", height
    y = 10
    for (i = 1; i <= number; ++i) {
      test = tests[i]
      y += 20
      printf "<text x=\"10\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y, title(test)
      y += 8
      for (j = 1; j <= count[test]; ++j) {
        name = names[test, j]
        ratio = multiple[test, name]
        text(left - 8, y + 11, "end", label(name))
        printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"13\" fill=\"%s\"/>\n", left, y, ratio * unit, color(name)
        text(left + ratio * unit + 6, y + 11, "start", sprintf("%.2f  (%d a second)", ratio, rate[test, name]))
        y += step
      }
      y += 6
    }
    print "</svg>"
  }'
