#!/usr/bin/env bash
# One file from one seed to many downloaders that start together, each on a shaped link of its own, beside other tools.
# Usage: benches/compare/fanout.sh [MiB] [DOWNLOADERS] [MBIT/S] [ROUNDS] [TOOL…]
# Whole processes in network namespaces (needs root, ip and tc). A round's time runs from the start of the first
# downloader to the end of the last; "seed sent" is what went out of the seed's interface over the size of the file.
# SLOW=MBIT: the last downloader has a link of that rate, and counts by itself. SECOND=MBIT (sprat alone): a second seed with a link
# of that rate, the first with one of FIRST=MBIT; printed is how full the lines of the two were.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-64} hosts=${2:-8} mbit=${3:-200} rounds=${4:-5}
slow=${SLOW:-} second=${SECOND:-} first_rate=${FIRST:-$mbit}
tools=("${@:5}"); [ ${#tools[@]} -gt 0 ] || tools=(sprat aria2 rqbit)
[ -z "$second" ] || tools=(sprat)
last=$((hosts + ${second:+1}+0)) # The second seed is the last host.
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "root is needed, for the namespaces" >&2; exit 1; }
for needed in ip tc; do command -v $needed >/dev/null || { echo "$needed is not installed (iproute2)" >&2; exit 1; }; done
export SPRAT_REPLICAS=1
work=$(mktemp -d "${TMPDIR:-/tmp}/fanout.XXXXXX")
net=fanout-$$
pids=()
finish() {
  kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  for i in $(seq 0 "$last") s; do ip netns delete "$net-$i" 2>/dev/null || true; done
  [ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap finish EXIT
on() { local host=$1; shift; ip netns exec "$net-$host" "$@"; }

# --- the hosts: 0 is the seed. Both ends of each cable are shaped, so that links are slow both ways.
ip netns add "$net-s"
ip -n "$net-s" link set lo up
ip -n "$net-s" link add br0 type bridge mcast_snooping 0
ip -n "$net-s" link set br0 up
ip -n "$net-s" addr add 10.9.0.254/24 dev br0
for i in $(seq 0 "$last"); do
  rate=$mbit
  [ "$i" != 0 ] || rate=$first_rate
  if [ -n "$slow" ] && [ "$i" = "$hosts" ]; then rate=$slow; fi
  if [ "$i" -gt "$hosts" ]; then rate=$second; fi
  ip netns add "$net-$i"
  ip link add eth0 netns "$net-$i" type veth peer name "h$i" netns "$net-s"
  ip -n "$net-s" link set "h$i" master br0 up
  ip -n "$net-$i" link set lo up
  ip -n "$net-$i" addr add "10.9.0.$((i + 1))/24" brd + dev eth0
  ip -n "$net-$i" link set eth0 up
  ip -n "$net-$i" route add default via 10.9.0.254
  for end in "$net-$i eth0" "$net-s h$i"; do
    tc -n ${end% *} qdisc add dev "${end#* }" root tbf rate "${rate}mbit" burst 64kb latency 100ms
  done
done

mkdir -p "$work/seed/shared"
head -c "${mib}M" /dev/urandom > "$work/seed/shared/file.bin"
sum=$(cksum < "$work/seed/shared/file.bin")

# --- the seeds, and a tracker for those who need one: it names everyone who announced before.
port=6881
serve() {
  case $1 in
    sprat)
      on 0 "$sprat" serve --home "$work/seed" --name seed --json > "$work/seed.log" 2>&1 & pids+=($!)
      if [ -n "$second" ]; then
        mkdir -p "$work/second/shared"; cp "$work/seed/shared/file.bin" "$work/second/shared/"
        on "$last" "$sprat" serve --home "$work/second" --name second --json > "$work/second.log" 2>&1 & pids+=($!)
        until grep -q '"scanned"' "$work/second.log"; do sleep 0.05; done
      fi
      until grep -q '"scanned"' "$work/seed.log"; do sleep 0.05; done ;;
    aria2)
      on 0 aria2c -q --dir="$work/seed/shared" --listen-port=$port --check-integrity=true --seed-ratio=0.0 --enable-dht=false \
        --bt-enable-lpd=false --file-allocation=none "$work/file.torrent" > "$work/aria2-seed.log" 2>&1 & pids+=($!)
      sleep 3 ;; # It hashes the file before it seeds.
    rqbit)
      on 0 rqbit --disable-dht --disable-upnp-port-forward --tcp-min-port $port --tcp-max-port $((port + 9)) download --overwrite \
        -o "$work/seed/shared" "$work/file.torrent" > "$work/rqbit-seed.log" 2>&1 & pids+=($!)
      sleep 3 ;;
  esac
}
torrent() {
  python3 - "$work/seed/shared/file.bin" "$work/file.torrent" <<'PY'
import hashlib, os, sys
path, out = sys.argv[1:]
size, piece = os.path.getsize(path), 1 << 18
with open(path, "rb") as f:
    sums = b"".join(hashlib.sha1(part).digest() for part in iter(lambda: f.read(piece), b""))
def enc(x):
    if isinstance(x, int): return b"i%de" % x
    if isinstance(x, bytes): return b"%d:%s" % (len(x), x)
    return b"d" + b"".join(enc(k) + enc(x[k]) for k in sorted(x)) + b"e"
info = {b"length": size, b"name": b"file.bin", b"piece length": piece, b"pieces": sums}
open(out, "wb").write(enc({b"announce": b"http://10.9.0.254:6969/announce", b"info": info}))
PY
  on s python3 - >/dev/null 2>&1 <<'PY' &
import http.server, socket, struct, urllib.parse
peers = {}
class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        me = (self.client_address[0], int(asked["port"][0]))
        if asked.get("event") == ["stopped"]: peers.pop(me, None)
        others = b"".join(socket.inet_aton(ip) + struct.pack(">H", port) for ip, port in peers if ip != me[0])
        if asked.get("event") != ["stopped"]: peers[me] = True
        body = b"d8:intervali2e12:min intervali2e5:peers%d:%se" % (len(others), others)
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(("10.9.0.254", 6969), Tracker).serve_forever()
PY
  pids+=($!)
}

# --- the downloaders. Each notes when it had the file.
fetch() { # tool, host, folder
  case $1 in
    sprat) on "$2" "$sprat" download --home "$3" --name "get$2" --no-progress --json file.bin ;;
    aria2) # It goes on serving the others, as a person's would.
      printf '#!/bin/sh\ndate +%%s.%%N > "%s/end"\n' "$3" > "$3/hook"; chmod +x "$3/hook"
      on "$2" aria2c -q --dir="$3" --listen-port=$port --seed-time=1 --enable-dht=false --bt-enable-lpd=false \
        --file-allocation=none --on-bt-download-complete="$3/hook" "$work/file.torrent" & local pid=$!
      until [ -s "$3/end" ]; do sleep 0.02; done
      echo $pid >> "$work/late" ;;
    rqbit) on "$2" rqbit --disable-dht --disable-upnp-port-forward --tcp-min-port $port --tcp-max-port $((port + 9)) download \
        --exit-on-finish -o "$3" "$work/file.torrent" ;;
  esac
  [ -s "$3/end" ] || date +%s.%N > "$3/end"
}
sent() { on "${1:-0}" cat /sys/class/net/eth0/statistics/tx_bytes; }
round() { # tool
  rm -rf "$work"/get*; : > "$work/late"
  local i waits=() before begin
  for i in $(seq "$hosts"); do mkdir -p "$work/get$i"; done
  sync; sleep 0.3
  before=$(sent) begin=$(date +%s.%N)
  local other; other=$(sent "$last")
  for i in $(seq "$hosts"); do fetch "$1" "$i" "$work/get$i" > "$work/get$i.out" 2>&1 & waits+=($!); done
  for i in "${waits[@]}"; do wait "$i" || { echo "$1: a downloader failed" >&2; tail -3 "$work"/get*.out >&2; return; }; done
  local after; after=$(sent)
  other=$(($(sent "$last") - other))
  xargs -r kill < "$work/late" 2>/dev/null || true
  for i in $(seq "$hosts"); do
    local got; got=$(find "$work/get$i" -name file.bin -not -path '*/.sprat/*' | head -1)
    [ "$(cksum < "$got")" = "$sum" ] || { echo "$1: the file differs" >&2; return; }
  done
  if [ -n "$slow" ]; then
    awk -v b="$begin" -v m="$mib" -v r="$slow" '{ printf "the slow one: %.2f s, %.2f times its own bound\n", $1 - b, ($1 - b) / (m * 8.388608 / r) }' "$work/get$hosts/end" >&2
    mv "$work/get$hosts/end" "$work/get$hosts/end-of-the-slow"
  fi
  if [ -n "$second" ]; then
    awk -v b="$begin" -v f=$((after - before)) -v s="$other" -v r="$first_rate" -v q="$second" \
      '{ t = ($1 - b) * 125000; printf "%.1f s; of their lines the seeds used %.2f and %.2f\n", $1 - b, f / t / r, s / t / q }' "$work/get$hosts/end" >&2
  fi
  cat "$work"/get*/end | sort -n | awk -v b="$begin" -v s=$((after - before)) -v m="$mib" \
    '{ last = $1; if (NR == 1) first = $1 } END { printf "%.3f %.3f %.3f\n", last - b, first - b, s / m / 1048576 }' >> "$work/$1.rounds"
  tail -1 "$work/$1.rounds" | awk -v t="$1" '{ printf "%-6s last %.2f s, first %.2f s, seed sent %.2f\n", t, $1, $2, $3 }' >&2
}

for tool in "${tools[@]}"; do
  case $tool in
    aria2) command -v aria2c >/dev/null || { echo "left out: aria2 (not installed)"; continue; } ;;
    rqbit) command -v rqbit >/dev/null || { echo "left out: rqbit (not installed)"; continue; } ;;
  esac
  [ "$tool" = sprat ] || [ -e "$work/file.torrent" ] || torrent
  first=${#pids[@]}
  serve "$tool"
  for _ in $(seq "$rounds"); do round "$tool"; done
  for pid in "${pids[@]:first}"; do pkill -TERM -P "$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true; done
  sleep 1
done

bound=$(awk -v m="$mib" -v r="$mbit" 'BEGIN { printf "%.3f", m * 8.388608 / r }')
printf '\n%s MiB from one seed to %s downloaders, links of %s Mbit/s both ways, %s rounds; the bound is %.2f s\n' "$mib" "$hosts" "$mbit" "$rounds" "$bound"
printf '%-8s %12s %10s %12s\n' tool 'last, s' '÷ bound' 'seed sent'
column() { cut -d' ' -f"$2" "$work/$1.rounds" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for tool in "${tools[@]}"; do
  [ -f "$work/$tool.rounds" ] || continue
  awk -v t="$tool" -v s="$(column "$tool" 1)" -v f="$(column "$tool" 3)" -v b="$bound" \
    'BEGIN { printf "%-8s %12.2f %10.2f %11.2f×\n", t, s, s / b, f }'
done
