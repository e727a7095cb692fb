#!/usr/bin/env bash
# One file from one process to another on loopback, end to end, beside other tools. Usage: benches/compare/pair.sh [MiB] [RUNS]
# Each tool that is installed takes its turn in each round; the table has the median wall time and peak memory. Every
# tool's own integrity checks are on. sprat's time includes start, discovery, verification and the durable rename.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-1024} runs=${2:-5}
sprat=$PWD/target/release/sprat
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
command -v /usr/bin/time >/dev/null || { echo "GNU time is needed (apt install time)" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/pair.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
has() { command -v "$1" >/dev/null; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

mkdir -p "$work"/{seed/shared,get}
head -c "${mib}M" /dev/urandom > "$work/seed/shared/file.bin"
sum=$(cksum < "$work/seed/shared/file.bin")

# --- the serving sides
export SPRAT_DISCOVERY_PORT=$((47000 + RANDOM % 1000)) SPRAT_LISTEN=127.0.0.1
/usr/bin/time -f '%M' -o "$work/sprat-seed.rss" "$sprat" serve --home "$work/seed" --name seed > "$work/seed.log" 2>&1 &
pids+=($!)
until "$sprat" list --home "$work/get" --json 2>/dev/null | grep -q file.bin; do sleep 0.2; done
rm -rf "$work/get"

if has rsync; then
  rsync_port=$(port)
  printf 'port=%s\naddress=127.0.0.1\nuse chroot=no\n[d]\npath=%s\n' "$rsync_port" "$work/seed/shared" > "$work/rsyncd.conf"
  rsync --daemon --no-detach --config="$work/rsyncd.conf" & pids+=($!)
fi
http_port=$(port)
python3 - "$http_port" "$work/seed/shared" >/dev/null 2>&1 <<'PY' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
PY
pids+=($!)
if has aria2c || has rqbit; then
  torrent_port=$(port) tracker_port=$(port)
  python3 - "$work/seed/shared/file.bin" "$work/file.torrent" "$tracker_port" <<'PY'
import hashlib, os, sys
path, out, tracker = sys.argv[1:]
size, piece = os.path.getsize(path), 1 << 20
with open(path, "rb") as f:
    sums = b"".join(hashlib.sha1(part).digest() for part in iter(lambda: f.read(piece), b""))
def enc(x):
    if isinstance(x, int): return b"i%de" % x
    if isinstance(x, bytes): return b"%d:%s" % (len(x), x)
    return b"d" + b"".join(enc(k) + enc(x[k]) for k in sorted(x)) + b"e"
info = {b"length": size, b"name": b"file.bin", b"piece length": piece, b"pieces": sums}
announce = b"http://127.0.0.1:" + tracker.encode() + b"/announce"
open(out, "wb").write(enc({b"announce": announce, b"info": info}))
PY
  python3 - "$tracker_port" "$torrent_port" >/dev/null 2>&1 <<'PY' &
import http.server, struct, sys
peers = bytes([127, 0, 0, 1]) + struct.pack(">H", int(sys.argv[2]))
class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"d8:intervali60e5:peers6:" + peers + b"e"
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Tracker).serve_forever()
PY
  pids+=($!)
  if has aria2c; then
    aria2c -q --dir="$work/seed/shared" --listen-port="$torrent_port" --check-integrity=true --seed-ratio=0.0 --enable-dht=false \
      --bt-enable-lpd=false --file-allocation=none "$work/file.torrent" >/dev/null 2>&1 & pids+=($!)
    sleep 5 # aria2 hashes the file before it seeds.
  fi
fi

# --- the fetching sides
fetch() { # name, then the command
  local name=$1; shift
  rm -rf "$work/get"; mkdir -p "$work/get"
  /usr/bin/time -f '%e %M' -o "$work/time" "$@" >"$work/$name.out" 2>&1 || { echo "$name failed:" >&2; tail -3 "$work/$name.out" >&2; return; }
  local got; got=$(find "$work/get" -name file.bin -not -path '*/.sprat/*' | head -1)
  [ "$(cksum < "$got")" = "$sum" ] || { echo "$name: the file differs" >&2; return; }
  tail -1 "$work/time" >> "$work/$name.times"
}
for _ in $(seq "$runs"); do
  fetch sprat "$sprat" download --home "$work/get" --no-progress file.bin
  fetch curl curl -sS -o "$work/get/file.bin" "http://127.0.0.1:$http_port/file.bin"
  if has rsync; then fetch rsync rsync "rsync://127.0.0.1:$rsync_port/d/file.bin" "$work/get/"; fi
  if has aria2c; then
    fetch aria2 aria2c -q --dir="$work/get" --seed-time=0 --enable-dht=false --bt-enable-lpd=false --file-allocation=none \
      --listen-port="$(port)" "$work/file.torrent"
  fi
  if has rqbit && has aria2c; then
    fetch rqbit rqbit --disable-dht --disable-upnp-port-forward download --exit-on-finish -o "$work/get" "$work/file.torrent"
  fi
done

printf '\n%s MiB, one sender to one receiver on loopback, %s rounds\n' "$mib" "$runs"
printf '%-8s %10s %12s %10s\n' tool 'median s' 'peak MiB' '÷ rsync'
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
base=$( [ -f "$work/rsync.times" ] && cut -d' ' -f1 "$work/rsync.times" | median || echo 0)
for tool in sprat curl rsync rqbit aria2; do
  [ -f "$work/$tool.times" ] || continue
  seconds=$(cut -d' ' -f1 "$work/$tool.times" | median)
  memory=$(cut -d' ' -f2 "$work/$tool.times" | median)
  awk -v t="$tool" -v s="$seconds" -v m="$memory" -v b="$base" \
    'BEGIN { printf "%-8s %10.2f %12.0f %10s\n", t, s, m / 1024, (b > 0 ? sprintf("%.2f", s / b) : "-") }'
done
pkill -TERM -P "${pids[0]}" 2>/dev/null || true
for _ in $(seq 50); do [ -s "$work/sprat-seed.rss" ] && break; sleep 0.1; done
[ -s "$work/sprat-seed.rss" ] && awk '{ printf "sprat, the serving side: peak %.0f MiB\n", $1 / 1024 }' <(tail -1 "$work/sprat-seed.rss")
