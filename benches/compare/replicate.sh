#!/usr/bin/env bash
# Many small files, shared by one of five nodes on loopback, until each has three copies. Usage: benches/compare/replicate.sh [FILES] [BYTES].
# Counted from when the others are there and the first of them may keep something, until their statuses together say that all is kept;
# processor time is that of all five nodes meanwhile, by /proc, for each copy that was made. The files are indexed before.
set -euo pipefail
cd "$(dirname "$0")/../.."
files=${1:-500} bytes=${2:-1024}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/replicate.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
SPRAT_DISCOVERY_PORT=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 0)); print(s.getsockname()[1])')
export SPRAT_DISCOVERY_PORT SPRAT_LISTEN=127.0.0.1 SPRAT_REPLICAS=3 SPRAT_REPLICA_QUOTA=8G

mkdir -p "$work/1/shared"
python3 - "$work/1/shared" "$files" "$bytes" <<'PY'
import os, sys
folder, files, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for at in range(files):
    sub = f"{folder}/{at // 1000:03}"
    if at % 1000 == 0:
        os.mkdir(sub)
    with open(f"{sub}/file-{at:06}.bin", "wb") as f:
        f.write(os.urandom(size))
PY
node() {
  "$sprat" serve --home "$work/$1" --name "node$1" --json > "$work/$1.log" 2>"$work/$1.err" & pids+=($!)
}
cpu() { # Of all nodes, in ms.
  local pid sum=0
  for pid in "${pids[@]}"; do sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat") * 1000 / $(getconf CLK_TCK))); done
  echo $sum
}
node 1
until grep -q '"event":"scanned"' "$work/1.log"; do sleep 0.1; done
before=$(cpu) begun=$(date +%s%N)
for n in 2 3 4 5; do mkdir -p "$work/$n/shared"; node $n; done
copies=$((files * 2))
# What each counts for: its bytes, an entry of a manifest, and what a file takes besides.
each=$((bytes + 64 + 8192))
on_disk() { find "$work"/[2-5]/.sprat/replicas -type f -path '*/??/*' 2>/dev/null | wc -l; }
told() { # What the four say that they keep.
  local n sum=0 used
  for n in 2 3 4 5; do
    used=$("$sprat" status --home "$work/$n" --json 2>/dev/null | python3 -c 'import json, sys
for line in sys.stdin:
    row = json.loads(line)
    if "replicas" in row: print(row["replicas"]["used"])')
    sum=$((sum + ${used:-0}))
  done
  echo $((sum / each))
}
until [ "$(on_disk)" -ge $copies ] && [ "$(told)" -ge $copies ]; do
  if [ $(($(date +%s%N) - begun)) -gt $((${LIMIT:-900} * 1000000000)) ]; then echo "given up: $(on_disk) of $copies copies" >&2; break; fi
  sleep 0.2
done
wall=$((($(date +%s%N) - begun) / 1000000)) spent=$(($(cpu) - before))
safe=$("$sprat" status --home "$work/1" --json | grep -o '"elsewhere":[0-9]*')
awk -v f="$files" -v b="$bytes" -v w=$wall -v s=$spent -v c=$copies -v safe="$safe" 'BEGIN {
  printf "%d files of %d bytes to 3 copies among 5 nodes: %.1f s; processor time of all %.1f s, %.2f ms a copy; %s\n", f, b, w / 1000, s / 1000, s / c, safe }'
for n in 1 2; do
  awk -v n=$n '/VmHWM/ { printf "node %d: peak %.0f MiB\n", n, $2 / 1024 }' "/proc/${pids[$((n - 1))]}/status"
done
