#!/usr/bin/env bash
# What the API and the page's bytes cost. Usage: benches/compare/web.sh [MIB] [RUNS]
# 1. a file that is here through a ticket, beside nginx (sendfile) with the same file and the same curl;
# 2. the first bytes of a film of which nothing is here, from its beginning and from its middle, at 100 Mbit/s;
# 3. `sprat list` by the socket of a node that runs, as a whole process;
# 4. what 8 followers of the events cost, with 25 downloads that change a hundred times a second together.
# Needs target/release/sprat (or SPRAT=…), nginx (apt install nginx-light), curl, jq and python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-2048} runs=${2:-7}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
for tool in nginx curl jq python3; do command -v "$tool" >/dev/null || { echo "$tool is needed" >&2; exit 1; }; done
work=$(mktemp -d "${TMPDIR:-/tmp}/web.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
SPRAT_DISCOVERY_PORT=$(python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export SPRAT_DISCOVERY_PORT SPRAT_LISTEN=127.0.0.1 SPRAT_REPLICAS=1
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f\n", b - a }'; }
node() { # name, then options: a node with a page
  local name=$1; shift
  SPRAT_NAME=$name "$sprat" serve --home "$work/$name" --web=127.0.0.1:0 --json "$@" > "$work/$name.log" 2>&1 &
  pids+=($!); last=$!
  until grep -q '"event":"scanned"' "$work/$name.log" && grep -q '"event":"web"' "$work/$name.log"; do sleep 0.1; done
}
api() { # name, method, path, then curl's options
  local name=$1 method=$2 path=$3 page; shift 3
  page=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/$name.log" | head -1)
  curl -sS -X "$method" -H "Authorization: Bearer $(cat "$work/$name/.sprat/api.token")" -H 'X-Sprat: 1' -H 'Content-Type: application/json' "$@" "$page/api/v1$path"
}

mkdir -p "$work/alice/shared" "$work/bob/shared"
head -c "${mib}M" /dev/urandom > "$work/alice/shared/film.bin"
node alice --upload-limit 12500000
cat > "$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
  server { listen 127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'); root $work/alice/shared; } }
CONF
[ "$(id -u)" = 0 ] && sed -i '1i user root;' "$work/nginx.conf"
plain=http://127.0.0.1:$(grep -o '127.0.0.1:[0-9]*' "$work/nginx.conf" | cut -d: -f2)/film.bin
nginx -c "$work/nginx.conf" 2>/dev/null & pids+=($!)
until curl -sf -o /dev/null -r 0-0 "$plain"; do sleep 0.1; done
speed() { curl -sS -o /dev/null -w '%{speed_download}\n' "$1"; }
for _ in $(seq "$runs"); do
  speed "$plain" >> "$work/nginx.speeds"
  speed "$(api alice POST /tickets -d '{"what":"film.bin"}' | jq -r .url)" >> "$work/ticket.speeds"
done
n=$(median < "$work/nginx.speeds") t=$(median < "$work/ticket.speeds")
awk -v n="$n" -v t="$t" -v m="$mib" -v r="$runs" 'BEGIN { printf "%d MiB, %d rounds: nginx %.0f MB/s, ticket %.0f MB/s, %.2f x\n", m, r, n / 1e6, t / 1e6, t / n }'

# Each time from a home that has nothing.
for _ in $(seq "$runs"); do
  rm -rf "$work/carol"; mkdir -p "$work/carol/shared"
  begun=$(now); "$sprat" get film.bin --home "$work/carol" 2>/dev/null | head -c 65536 > /dev/null; since "$begun" >> "$work/alone.seconds"
  node bob
  until grep -q '"event":"joined"' "$work/bob.log"; do sleep 0.05; done
  sleep 1
  begun=$(now); "$sprat" get film.bin --home "$work/bob" | head -c 65536 > /dev/null; since "$begun" >> "$work/first.seconds"
  "$sprat" get film.bin --home "$work/bob" > /dev/null & reader=$!
  sleep 2
  begun=$(now); "$sprat" get film.bin --range $((mib * 524288))- --home "$work/bob" | head -c 65536 > /dev/null; since "$begun" >> "$work/seek.seconds"
  kill "$reader"; wait "$reader" 2>/dev/null || true
  kill "$last"; wait "$last" 2>/dev/null || true
  rm -rf "$work/bob"; mkdir -p "$work/bob/shared"
done
printf 'first 64 KiB at 100 Mbit/s, median of %s: %s s beside a node, %s s in the middle while it is read from the start, %s s with no node\n' \
  "$runs" "$(median < "$work/first.seconds")" "$(median < "$work/seek.seconds")" "$(median < "$work/alone.seconds")"

mkdir -p "$work/dave/shared"
for at in $(seq 25); do head -c 48M /dev/urandom > "$work/dave/shared/part-$at.bin"; done
node dave
node bob --download-limit 26000000
server=$last
until grep -q '"event":"joined".*dave' "$work/bob.log"; do sleep 0.05; done
for _ in $(seq 20); do
  begun=$(now); "$sprat" list --home "$work/bob" > /dev/null; since "$begun" >> "$work/list.seconds"
done
printf 'list by the socket, median of 20: %s s\n' "$(median < "$work/list.seconds")"
ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }
for at in $(seq 25); do api bob POST /downloads -d "{\"what\":[\"part-$at.bin\"]}" -o /dev/null; done
sleep 3
# In turns, so that what else the machine does falls on both.
for _ in $(seq 3); do
  a=$(ticks); sleep 5; b=$(ticks); echo $((b - a)) >> "$work/quiet.ticks"
  curls=()
  for at in $(seq 8); do api bob GET /events -N > "$work/events.$at" & curls+=($!); done
  sleep 0.5; before=$(grep -c '^event: job' "$work/events.1" || true)
  a=$(ticks); sleep 5; b=$(ticks); echo $((b - a)) >> "$work/followed.ticks"
  after=$(grep -c '^event: job' "$work/events.1" || true); echo $((after - before)) >> "$work/changes"
  kill "${curls[@]}"; wait "${curls[@]}" 2>/dev/null || true
done
sum() { awk '{ s += $1 } END { print s }' "$1"; }
awk -v q="$(sum "$work/quiet.ticks")" -v f="$(sum "$work/followed.ticks")" -v c="$(sum "$work/changes")" -v hz="$(getconf CLK_TCK)" \
  'BEGIN { printf "events: %.0f changes a second to 8 followers cost %.1f %% of a core (%.1f %% with them, %.1f %% without)\n", c / 15, (f - q) / 15 / hz * 100, f / 15 / hz * 100, q / 15 / hz * 100 }'
