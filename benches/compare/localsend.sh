#!/usr/bin/env bash
# One file to and from a node by LocalSend's protocol on loopback, beside nginx with TLS. Usage: benches/compare/localsend.sh [MiB] [RUNS]
# The rows, each once in each round; the table has medians of the transfer alone (from the yes to the last answer), and the peak memory of sprat:
#   nginx gives      curl fetches from nginx, TLS 1.3, AES-128-GCM like the rest, into a file
#   nginx takes      curl hands it in to nginx, which writes it to a file
#   sprat takes      the same curl hands it in to a node, which writes, syncs and places it
#   sprat to sprat   one node to another; the giver's own seconds
#   client to nginx, client to sprat, the same with its SHA-256: localsendd's own connection and reader hands it in, where `localsendd` from PyPI
#   is installed (SPRAT_TEST_PYTHON names a python that has it). It is slower than curl, so these are beside each other.
#   sprat gives, localsendd gives: the whole program, where the machine has a network for its announcements, too; it reads, writes and hashes in
#   Python. What it gives has a SHA-256, which sprat checks.
# Nothing is installed. SPRAT=FILE measures that program instead of target/release/sprat. Needs nginx, curl, openssl, jq, GNU time and python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-1024} runs=${2:-5}
sprat=${SPRAT:-$PWD/target/release/sprat} python=${SPRAT_TEST_PYTHON:-python3}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
PATH=$PATH:/usr/sbin
for tool in nginx curl openssl jq python3 /usr/bin/time; do command -v "$tool" >/dev/null || { echo "$tool is needed" >&2; exit 1; }; done
free=$(df -Pm "${TMPDIR:-/tmp}" | awk 'NR == 2 { print $4 }')
[ "$free" -gt $((mib * 4)) ] || { echo "${TMPDIR:-/tmp} has $free MiB of room, $((mib * 4)) are needed (TMPDIR=…)" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/localsend.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
export SPRAT_REPLICAS=1 SPRAT_LOCALSEND=1

mkdir -p "$work"/{www,in,got}
head -c "${mib}M" /dev/urandom > "$work/www/file.bin"
sum=$(cksum < "$work/www/file.bin")
same() { [ "$(cksum < "$1")" = "$sum" ] || { echo "$1 differs" >&2; exit 1; }; }

# --- nginx, with a certificate of the same kind
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
tls=$(port) ok=$(port)
cat > "$work/nginx.conf" <<CONF
user $(id -un); worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 256k; ssl_protocols TLSv1.3; ssl_buffer_size 16k;
  client_body_temp_path $work/in; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
  server { listen 127.0.0.1:$ok; return 204; }
  server { listen 127.0.0.1:$tls ssl; ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem; root $work/www;
    location /in { client_body_in_file_only on; proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://127.0.0.1:$ok/; } } }
CONF
nginx -p "$work" -c "$work/nginx.conf" 2>/dev/null & pids+=($!)
until curl -skf -o /dev/null -r 0-0 "https://127.0.0.1:$tls/file.bin"; do sleep 0.1; done
# The same cipher for all: the cheapest that both have.
hand() { curl -sSk --tls13-ciphers TLS_AES_128_GCM_SHA256 -o /dev/null -w '%{http_code} %{time_total}\n' -X POST -T "$work/www/file.bin" -H 'Expect:' "$1"; }

# --- nodes
node() { # name, port of LocalSend, then options
  local name=$1 at=$2; shift 2
  mkdir -p "$work/$name/shared"
  SPRAT_NAME=$name SPRAT_LOCALSEND_PORT=$at SPRAT_DISCOVERY_PORT=$((48000 + RANDOM % 1000)) "$sprat" serve --accept all --home "$work/$name" --json "$@" > "$work/$name.log" 2>&1 &
  pids+=($!); last=$!
  until grep -qs '"event":"ready"' "$work/$name.log"; do sleep 0.1; done
}
own=$(port)
SPRAT_LISTEN=127.0.0.1 node taker "$own"; taker=$last
until curl -skf -o /dev/null "https://127.0.0.1:$own/api/localsend/v2/info"; do sleep 0.1; done
daemon=() client=()
if "$python" -c 'import localsendd' 2>/dev/null; then
  client=("$python" benches/compare/localsend-client.py "$work/www/file.bin")
  sha=$(sha256sum "$work/www/file.bin"); sha=${sha%% *}
fi
if [ ${#client[@]} -gt 0 ] && python3 -c 'import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b"{}", ("224.0.0.167", 53317))' 2>/dev/null; then
  for below in state config run; do mkdir -p "$work/d/$below"; done
  daemon=(env XDG_STATE_HOME="$work/d/state" XDG_CONFIG_HOME="$work/d/config" XDG_RUNTIME_DIR="$work/d/run" "$python" -m)
  "${daemon[@]}" localsendd --port "$(port)" --alias Orange --unattended --encryption --download-dir "$work/d/here" >/dev/null 2>&1 & pids+=($!)
  until [ -S "$work/d/run/localsendd.sock" ]; do sleep 0.1; done
  node other 53317
  until grep -qs '"joined"' "$work/other.log"; do sleep 0.2; done
fi

# What a send says of itself, with a node of its own.
give() { # to whom, port, then further variables
  local to=$1 at=$2; shift 2
  rm -rf "$work/giver"; mkdir -p "$work/giver/shared"
  /usr/bin/time -f %M -a -o "$work/giver-peaks" env "$@" SPRAT_NAME=giver SPRAT_LOCALSEND_PORT="$at" SPRAT_DISCOVERY_PORT=$((49000 + RANDOM % 1000)) \
    "$sprat" send "$work/www/file.bin" --to "LocalSend: $to" --wait 60 --home "$work/giver" --json > "$work/give.log" 2> "$work/give.err" || { cat "$work/give.log" "$work/give.err" >&2; exit 1; }
  jq -r 'select(.event == "done") | .seconds' "$work/give.log"
}
took() { # the home's name
  local file; file=$(find "$work/$1/downloads" -name 'file*.bin' | head -1)
  same "$file"; rm "$file"
}
for round in $(seq "$runs"); do
  sync -f "$work"
  curl -sSk --tls13-ciphers TLS_AES_128_GCM_SHA256 -o "$work/got/file.bin" -w '%{time_total}\n' "https://127.0.0.1:$tls/file.bin" >> "$work/nginx-gives"
  same "$work/got/file.bin"; rm "$work/got/file.bin"; sync -f "$work"
  answer=$(hand "https://127.0.0.1:$tls/in"); [ "${answer% *}" = 204 ] || { echo "nginx: $answer" >&2; exit 1; }
  echo "${answer#* }" >> "$work/nginx-takes"; rm -f "$work"/in/*; sync -f "$work"
  ask=$(jq -n --argjson size $((mib << 20)) '{info: {alias: "curl", version: "2.1"}, files: {"0": {id: "0", fileName: "file.bin", size: $size, fileType: "application/octet-stream"}}}')
  yes=$(curl -sSk -d "$ask" "https://127.0.0.1:$own/api/localsend/v2/prepare-upload")
  session=$(jq -r .sessionId <<< "$yes") token=$(jq -r '.files["0"]' <<< "$yes")
  answer=$(hand "https://127.0.0.1:$own/api/localsend/v2/upload?sessionId=$session&fileId=0&token=$token"); [ "${answer% *}" = 200 ] || { echo "sprat: $answer" >&2; exit 1; }
  echo "${answer#* }" >> "$work/sprat-takes"; took taker; sync -f "$work"
  give taker "$own" SPRAT_LISTEN=127.0.0.1 >> "$work/sprat-to-sprat"; took taker; sync -f "$work"
  if [ ${#client[@]} -gt 0 ]; then
    "${client[@]}" "https://127.0.0.1:$tls/in" >> "$work/client-to-nginx"; rm -f "$work"/in/*; sync -f "$work"
    "${client[@]}" "https://127.0.0.1:$own/" >> "$work/client-to-sprat"; took taker; sync -f "$work"
    SUM=$sha "${client[@]}" "https://127.0.0.1:$own/" >> "$work/the-same-with-sum"; took taker; sync -f "$work"
  fi
  if [ ${#daemon[@]} -gt 0 ]; then
    give Orange 53317 >> "$work/sprat-gives"; same "$work/d/here/file.bin"; rm "$work"/d/here/*; sync -f "$work"
    "${daemon[@]}" localsendd.cli send "$work/www/file.bin" --to other --wait >/dev/null
    # From the birth of the file to its last change: its place.
    stat -c '%.3W %.3Z' "$work/other/downloads/file.bin" | awk '{ printf "%.3f\n", $2 - $1 }' >> "$work/localsendd-gives"; took other; sync -f "$work"
  fi
done

printf '\n%s MiB by LocalSend on loopback, medians of %s rounds\n%-18s %8s %8s %16s\n' "$mib" "$runs" '' seconds MB/s 'nginx gives ='
base=$(median "$work/nginx-gives")
for row in nginx-gives nginx-takes sprat-takes sprat-to-sprat sprat-gives localsendd-gives client-to-nginx client-to-sprat the-same-with-sum; do
  [ -f "$work/$row" ] || { echo "left out: $row (no localsendd, or no network)"; continue; }
  awk -v row="${row//-/ }" -v s="$(median "$work/$row")" -v base="$base" -v m="$mib" 'BEGIN { printf "%-18s %8.2f %8.0f %14.2f x\n", row, s, m * 1.048576 / s, base / s }'
done
[ ! -f "$work/client-to-nginx" ] || for row in client-to-sprat the-same-with-sum; do
  paste "$work/client-to-nginx" "$work/$row" | awk '{ print $1 / $2 }' > "$work/ratios"
  echo "$row: $(median "$work/ratios") x client to nginx, median of the rounds"
done
peak() { awk '/VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$1/status"; }
echo "peak memory: $(peak "$taker") of a node that took all of it, $(sort -n "$work/giver-peaks" | awk 'END { printf "%.0f MiB", $1 / 1024 }') of those that gave it"
