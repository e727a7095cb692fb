#!/usr/bin/env bash
# A folder of many small files from one process to another on loopback, end to end, beside rsync's daemon.
# Usage: benches/compare/small.sh [FILES] [BYTES] [RUNS]. The table has the median wall time and the peak memory of both ends. sprat's time includes start,
# discovery, verification and making the files durable; rsync's does not sync.
set -euo pipefail
cd "$(dirname "$0")/../.."
files=${1:-10000} bytes=${2:-4096} runs=${3:-5}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
command -v /usr/bin/time >/dev/null || { echo "GNU time is needed (apt install time)" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/small.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

mkdir -p "$work/seed/shared/many"
python3 - "$work/seed/shared/many" "$files" "$bytes" <<'PY'
import os, sys
folder, files, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for at in range(files):
    with open(f"{folder}/file-{at:05}.bin", "wb") as f:
        f.write(os.urandom(size))
PY
export SPRAT_DISCOVERY_PORT=$((47000 + RANDOM % 1000)) SPRAT_LISTEN=127.0.0.1 SPRAT_REPLICAS=1
/usr/bin/time -f '%M' -o "$work/seed.rss" "$sprat" serve --home "$work/seed" --name seed --json > "$work/seed.log" 2>&1 &
pids+=($!)
until grep -q '"event":"scanned"' "$work/seed.log"; do sleep 0.1; done
if command -v rsync >/dev/null; then
  rsync_port=$(port)
  printf 'port=%s\naddress=127.0.0.1\nuse chroot=no\n[d]\npath=%s\n' "$rsync_port" "$work/seed/shared" > "$work/rsyncd.conf"
  rsync --daemon --no-detach --config="$work/rsyncd.conf" & pids+=($!)
  sleep 0.2
fi

# Each round has a folder of its own, removed at the end only: ext4 is slow to create files for seconds after many were deleted.
fetch() { # name, folder, then the command
  local name=$1 folder=$2; shift 2
  sync -f "$work" # Nobody pays for what the last one left.
  /usr/bin/time -f '%e %M %U %S' -o "$work/time" "$@" >"$work/$name.out" 2>&1 || { echo "$name failed:" >&2; tail -3 "$work/$name.out" >&2; return; }
  diff -rq "$work/seed/shared/many" "$get/$folder" >&2 || { echo "$name: the files differ" >&2; return; }
  tail -1 "$work/time" >> "$work/$name.times"
}
for round in $(seq "$runs"); do
  if command -v rsync >/dev/null; then
    get=$work/rsync-$round; mkdir "$get"
    fetch rsync many rsync -a "rsync://127.0.0.1:$rsync_port/d/" "$get/"
  fi
  get=$work/sprat-$round; mkdir "$get"
  fetch sprat downloads/many "$sprat" download --home "$get" --no-progress many/
done

printf '\n%s files of %s bytes, one sender to one receiver on loopback, %s rounds\n' "$files" "$bytes" "$runs"
printf '%-8s %10s %12s %10s %10s\n' tool 'median s' 'peak MiB' 'cpu s' '÷ rsync'
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
base=0
if [ -f "$work/rsync.times" ]; then base=$(cut -d' ' -f1 "$work/rsync.times" | median); else echo "left out: rsync"; fi
for tool in rsync sprat; do
  [ -f "$work/$tool.times" ] || continue
  seconds=$(cut -d' ' -f1 "$work/$tool.times" | median)
  memory=$(cut -d' ' -f2 "$work/$tool.times" | median)
  cpu=$(awk '{ print $3 + $4 }' "$work/$tool.times" | median)
  awk -v t="$tool" -v s="$seconds" -v m="$memory" -v c="$cpu" -v b="$base" \
    'BEGIN { printf "%-8s %10.2f %12.0f %10.2f %10s\n", t, s, m / 1024, c, (b > 0 ? sprintf("%.2f", s / b) : "-") }'
done
pkill -TERM -P "${pids[0]}" 2>/dev/null || true
for _ in $(seq 50); do [ -s "$work/seed.rss" ] && break; sleep 0.1; done
[ -s "$work/seed.rss" ] && awk '{ printf "sprat, the serving side: peak %.0f MiB\n", $1 / 1024 }' <(tail -1 "$work/seed.rss")
