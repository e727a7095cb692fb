#!/usr/bin/env bash
# Reading the shared folder: the first time beside b3sum (1 GiB; 10,000 files of 5 KB), the second time over the unchanged files.
# Usage: [SIZE=BYTES] benches/compare/index.sh [MiB] [FILES] [RUNS]. All are whole processes; files are in the page cache. `scanned` is
# the moment the node says that its folder is read; everything is offered from then on.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-1024} files=${2:-10000} runs=${3:-3}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/index.XXXXXX")
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
export SPRAT_DISCOVERY_PORT=$((48000 + RANDOM % 1000)) SPRAT_LISTEN=127.0.0.1
now() { date +%s.%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Seconds from the start of a node to an event, and how many files it read: `event seconds read`, two lines; then its
# processor time, and its memory at most and then: `costs seconds MiB MiB`.
start() { # home
  local begun line; begun=$(now)
  coproc NODE { exec "$sprat" serve --json --home "$1"; }
  node=$NODE_PID
  while read -r line <&"${NODE[0]}"; do
    case $line in
      *'"event":"ready"'*) echo "ready $(awk -v a="$begun" -v b="$(now)" 'BEGIN { print b - a }') 0" ;;
      *'"event":"scanned"'*)
        echo "scanned $(awk -v a="$begun" -v b="$(now)" 'BEGIN { print b - a }') $(sed 's/.*"read":\([0-9]*\).*/\1/' <<<"$line")"
        awk -v hz="$(getconf CLK_TCK)" -v s="$(cut -d')' -f2 "/proc/$node/stat")" \
          '/^VmHWM/ { most = $2 } /^VmRSS/ { now = $2 } END { split(s, t, " "); print "costs", (t[12] + t[13]) / hz, int(most / 1024), int(now / 1024) }' "/proc/$node/status"
        break ;;
    esac
  done
  kill -TERM "$node"; wait "$node" 2>/dev/null || true
  node=
}

# The first index of a home, and b3sum of the same files, in turn: `first HOME WHAT`.
first() {
  local home=$1 begun
  rm -f "$work/first" "$work/b3sum"
  for _ in $(seq "$runs"); do
    rm -rf "$home/.sprat"
    start "$home" > "$work/run"
    awk '$1 == "scanned" { print $2 }' "$work/run" >> "$work/first"
    grep costs "$work/run" > "$work/costs"
    if command -v b3sum >/dev/null; then
      begun=$(now); find "$home/shared" -type f -print0 | xargs -0 b3sum >/dev/null
      awk -v a="$begun" -v b="$(now)" 'BEGIN { print b - a }' >> "$work/b3sum"
    fi
  done
  printf 'first index of %s: %.2f s' "$2" "$(median < "$work/first")"
  if [ -f "$work/b3sum" ]; then
    median < "$work/b3sum" | awk -v f="$(median < "$work/first")" '{ printf ", %.2f times b3sum (%.2f s, all cores)\n", f / $1, $1 }'
  else
    printf '\n(left out: b3sum, which is not installed)\n'
  fi
  tell_costs < "$work/costs"
}

# Of the last run.
tell_costs() {
  awk '$1 == "costs" { l = $0 } END { split(l, c, " "); printf "  processor %.2f s, memory at most %d MiB, at the end %d MiB\n", c[2], c[3], c[4] }'
}

mkdir -p "$work"/{big,many}/shared
head -c "${mib}M" /dev/urandom > "$work/big/shared/file.bin"
touch -d '1 hour ago' "$work/big/shared/file.bin"
first "$work/big" "$mib MiB"

size=${SIZE:-5000}
python3 - "$work/many/shared" "$files" "$size" <<'PY'
import os, sys
root, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
folders = max(100, count // 1000)
for at in range(count):
    folder = f"{root}/{at % folders}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{at}.bin"
    with open(path, "wb") as f:
        f.write(os.urandom(size))
    os.utime(path, (1600000000, 1600000000))
PY
first "$work/many" "$files files of $size bytes"
for _ in $(seq "$runs"); do start "$work/many" >> "$work/second"; done
ready=$(awk '$1 == "ready" { print $2 }' "$work/second" | median)
scanned=$(awk '$1 == "scanned" { print $2 }' "$work/second" | median)
read=$(awk '$1 == "scanned" { sum += $3 } END { print sum }' "$work/second")
printf 'second start over %s unchanged files: ready %.2f s, scanned %.2f s, read %s\n' "$files" "$ready" "$scanned" "$read"
tell_costs < "$work/second"
du -sB1 "$work/many/.sprat/index" | awk -v n="$files" '{ printf "the index takes %d bytes a file\n", $1 / n }'
