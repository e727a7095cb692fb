#!/usr/bin/env bash
# names.sh [COUNT] [SPRAT]: a node shares COUNT (300,000) tiny files by names of 50 letters; a newcomer lists them and
# fetches the last. On loopback, in a swarm of its own.
set -euo pipefail
count=${1:-300000}
sprat=${2:-target/release/sprat}
work=$(mktemp -d)
trap 'kill "${node:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
export SPRAT_LISTEN=127.0.0.1 SPRAT_DISCOVERY_PORT=$((20000 + RANDOM % 20000)) SPRAT_REPLICAS=1
mkdir -p "$work/alice/shared" "$work/bob"
python3 - "$work/alice/shared" "$count" <<'PY'
import os, sys, time
root, count, then = sys.argv[1], int(sys.argv[2]), time.time() - 60
for at in range(count):
    folder = f"{root}/folder {at % 300:03}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/an ordinary name of a file {at:011}.txt"
    with open(path, "w") as file:
        file.write(str(at))
    os.utime(path, (then, then))
PY
seconds() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.1f s", b - a }'; }
begun=$(seconds)
SPRAT_NAME=alice "$sprat" serve --json --home "$work/alice" >"$work/events" 2>"$work/errors" &
node=$!
until grep -q '"event":"scanned"' "$work/events"; do sleep 0.5; done
echo "read and offered in $(since "$begun"), $(grep VmRSS "/proc/$node/status" | tr -s '\t ' ' ')"
begun=$(seconds)
code=0
SPRAT_NAME=bob command time -f 'memory at its most: %M KiB, processor %U s' \
    "$sprat" list --json --wait 5 --home "$work/bob" >"$work/rows" || code=$?
echo "list: exit code $code, $(grep -c '"name":"folder' "$work/rows") rows in $(since "$begun"), incomplete: $(grep -c '"incomplete"' "$work/rows" || true)"
last=$(printf 'folder %03d/an ordinary name of a file %011d.txt' $(((count - 1) % 300)) $((count - 1)))
begun=$(seconds)
code=0
SPRAT_NAME=bob "$sprat" download "$last" --home "$work/bob" || code=$?
echo "download of the last: exit code $code in $(since "$begun"), it says $(cat "$work/bob/downloads/$last")"
