#!/usr/bin/env bash
# One file over a long line: 25 ms each way (a round trip of 50 ms) and 1 % loss each way, beside one plain TCP connection.
# Usage (as root): benches/compare/far.sh [MiB] [ROUNDS] [MS EACH WAY] [LOSS %] [MBIT/S]
# `far.sh 1024 3 0 0 10000` is a near and fast one: without delay and loss the line is a veth pair that the kernel shapes.
# Two namespaces joined by benches/compare/delay.py (the kernel's netem is not everywhere). The plain connection is curl, which
# fetches from nginx where it is installed, else from Python's server. Both are whole processes, sprat's time has discovery and the durable rename
# in it. sprat may use two connections to a peer. CONGESTION="reno cubic bbr" names the controls to try (others are left
# out where they are not to be had); what one connection reaches under loss is mostly theirs. SPRAT=FILE measures that program.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-16} rounds=${2:-3} ms=${3:-25} loss=${4:-1} mbit=${5:-100}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "root is needed, for the namespaces" >&2; exit 1; }
[ "$ms$loss" = 00 ] || [ -e /dev/net/tun ] || { echo "there is no /dev/net/tun" >&2; exit 1; }
for tool in ip python3 curl; do
  command -v $tool >/dev/null || { echo "$tool is not installed" >&2; exit 1; }
done
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
export SPRAT_REPLICAS=1 SPRAT_NO_MDNS=1
work=$(mktemp -d "${TMPDIR:-/tmp}/far.XXXXXX")
n=far$$
pids=()
finish() {
  kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  ip netns delete "$n-a" 2>/dev/null || true
  ip netns delete "$n-b" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# --- the line
if [ "$ms$loss" = 00 ]; then
  ip link add "fa$$" type veth peer name "fb$$"
else
  python3 benches/compare/delay.py "fa$$" "fb$$" "$ms" "$loss" "$mbit" > "$work/line" & pids+=($!)
  until grep -qs ready "$work/line"; do sleep 0.05; kill -0 "${pids[0]}"; done
fi
for end in a b; do
  ip netns add "$n-$end"
  ip -n "$n-$end" link set lo up
  ip link set "f$end$$" netns "$n-$end"
  ip -n "$n-$end" addr add "10.77.0.$([ $end = a ] && echo 1 || echo 2)/24" brd + dev "f$end$$"
  ip -n "$n-$end" link set "f$end$$" up
  [ "$ms$loss" != 00 ] || tc -n "$n-$end" qdisc add dev "f$end$$" root tbf rate "${mbit}mbit" burst 4mb latency 20ms
  ip -n "$n-$end" route add default dev "f$end$$"
done
on() { local end=$1; shift; ip netns exec "$n-$end" "$@"; }

# --- the serving sides
mkdir -p "$work/seed/shared" "$work/get"
head -c "${mib}M" /dev/urandom > "$work/seed/shared/file.bin"
sum=$(cksum < "$work/seed/shared/file.bin")
nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
if [ -n "$nginx" ]; then
  cat > "$work/nginx.conf" <<CONF
user $(id -un); daemon off; master_process off; pid $work/nginx.pid; error_log /dev/null;
events {}
http { access_log off; sendfile on; client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5; server { listen 10.77.0.1:8000; root $work/seed/shared; } }
CONF
  on a "$nginx" -p "$work" -c "$work/nginx.conf" >/dev/null 2>&1 & pids+=($!)
else
  on a python3 -m http.server --bind 10.77.0.1 --directory "$work/seed/shared" 8000 >/dev/null 2>&1 & pids+=($!)
fi
on a "$sprat" serve --home "$work/seed" --name seed --json > "$work/seed.log" 2>&1 & pids+=($!)
until grep -q '"scanned"' "$work/seed.log"; do sleep 0.05; done

# --- the fetching sides
fetch() { # control, tool, then the command
  local name=$1-$2 begin end got; shift 2
  rm -rf "$work/get"; mkdir -p "$work/get"
  begin=$(date +%s.%N)
  timeout 600 ip netns exec "$n-b" "$@" > "$work/out" 2>&1 || { echo "$name failed:" >&2; tail -3 "$work/out" >&2; return; }
  end=$(date +%s.%N)
  got=$(find "$work/get" -name file.bin -not -path '*/.sprat/*' | head -1)
  [ "$(cksum < "$got")" = "$sum" ] || { echo "$name: the file differs" >&2; return; }
  awk -v b="$begin" -v e="$end" -v m="$mib" 'BEGIN { print m * 1.048576 / (e - b) }' >> "$work/$name.rates"
  echo "$name $(tail -1 "$work/$name.rates") MB/s" >&2
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
controls=
for control in ${CONGESTION:-reno cubic bbr}; do
  for end in a b; do
    on $end sysctl -qw "net.ipv4.tcp_congestion_control=$control" 2>/dev/null || { echo "left out: $control (not to be had here)" >&2; continue 2; }
  done
  controls+=" $control"
  for _ in $(seq "$rounds"); do
    fetch "$control" curl curl -sS -o "$work/get/file.bin" http://10.77.0.1:8000/file.bin
    fetch "$control" sprat "$sprat" download --home "$work/get" --name getter --no-progress file.bin
  done
done
printf '\n%s MiB over %s ms and %s %% loss each way at %s Mbit/s, medians of %s rounds\n' "$mib" "$ms" "$loss" "$mbit" "$rounds"
printf '%-8s %12s %12s %18s\n' control 'plain MB/s' 'sprat MB/s' 'sprat / plain'
for control in $controls; do
  [ -f "$work/$control-curl.rates" ] && [ -f "$work/$control-sprat.rates" ] || continue
  awk -v c="$control" -v p="$(median "$work/$control-curl.rates")" -v s="$(median "$work/$control-sprat.rates")" \
    'BEGIN { printf "%-8s %12.2f %12.2f %18.2f\n", c, p, s, s / p }'
done
[ -n "$nginx" ] || echo "(curl from Python's server)"
