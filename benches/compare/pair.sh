#!/usr/bin/env bash
# One file from one process to another on loopback, end to end, beside other tools. Usage: benches/compare/pair.sh [MiB] [RUNS]
# Each tool that is installed takes its turn in each round; the table has medians: wall time, processor time of both ends, their
# peak memory. Every tool's own integrity checks are on. sprat's time includes start, discovery, verification and the durable
# rename. curl fetches from nginx (sendfile) where it is installed, else from Python's server.
# The row `chacha` is sprat with the cipher of processors without AES (SPRAT_NO_AES, which is for benchmarks).
# SPRAT=FILE measures that program instead of target/release/sprat, SPRAT_BEFORE=FILE an older one beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-1024} runs=${2:-5}
sprat=${SPRAT:-$PWD/target/release/sprat} before=${SPRAT_BEFORE:-}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
command -v /usr/bin/time >/dev/null || { echo "GNU time is needed (apt install time)" >&2; exit 1; }
free=$(df -Pm "${TMPDIR:-/tmp}" | awk 'NR == 2 { print $4 }')
[ "$free" -gt $((mib * 3)) ] || { echo "${TMPDIR:-/tmp} has $free MiB of room, $((mib * 3)) are needed (TMPDIR=…)" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/pair.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
has() { command -v "$1" >/dev/null; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

mkdir -p "$work"/{seed/shared,get}
head -c "${mib}M" /dev/urandom > "$work/seed/shared/file.bin"
sum=$(cksum < "$work/seed/shared/file.bin")

# --- the serving sides
export SPRAT_LISTEN=127.0.0.1
declare -A server # The process that serves, by tool.
discovery=$((47000 + RANDOM % 1000))
seed() { # tool, program, home, discovery port
  export SPRAT_DISCOVERY_PORT=$4
  "$2" serve --no-mdns --home "$3" --name seed > "$work/$1.log" 2>&1 &
  pids+=($!) server[$1]=$!
  until grep -q file.bin <<< "$("$2" list --no-mdns --home "$work/get" --json 2>/dev/null)"; do sleep 0.2; done
  rm -rf "$work/get"; mkdir "$work/get"
}
seed sprat "$sprat" "$work/seed" "$discovery"
server[chacha]=${server[sprat]}
if [ -n "$before" ]; then
  mkdir "$work/older"
  cp -al "$work/seed/shared" "$work/older/shared"
  seed before "$before" "$work/older" $((discovery + 1))
fi

if has rsync; then
  rsync_port=$(port)
  printf 'port=%s\naddress=127.0.0.1\nuse chroot=no\n[d]\npath=%s\n' "$rsync_port" "$work/seed/shared" > "$work/rsyncd.conf"
  rsync --daemon --no-detach --config="$work/rsyncd.conf" & pids+=($!) server[rsync]=$!
fi
# ssh to this machine, with a server, keys and a configuration of their own: scp, and rsync over ssh.
sshd=$(PATH=$PATH:/usr/sbin command -v sshd || true)
if [ -n "$sshd" ] && has scp; then
  ssh_port=$(port)
  ssh-keygen -q -t ed25519 -N '' -f "$work/host"; ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  if [ "$(id -u)" = 0 ]; then mkdir -p /run/sshd; fi
  "$sshd" -D -e -f /dev/null -p "$ssh_port" -h "$work/host" -o ListenAddress=127.0.0.1 -o PidFile=none -o StrictModes=no -o PermitRootLogin=yes \
    -o AuthorizedKeysFile="$work/key.pub" -o Subsystem="sftp internal-sftp" > "$work/sshd.log" 2>&1 & pids+=($!) server[scp]=$! server[rsync+ssh]=$!
  ssh_options=(-q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i "$work/key")
  until ssh "${ssh_options[@]}" -p "$ssh_port" 127.0.0.1 true 2>/dev/null; do sleep 0.1; kill -0 "${server[scp]}"; done
fi
http_port=$(port)
nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
if [ -n "$nginx" ]; then
  cat > "$work/nginx.conf" <<CONF
user $(id -un); daemon off; master_process off; pid $work/nginx.pid; error_log /dev/null;
events {}
http { access_log off; sendfile on; tcp_nopush on; client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5; server { listen 127.0.0.1:$http_port; root $work/seed/shared; } }
CONF
  "$nginx" -p "$work" -c "$work/nginx.conf" >/dev/null 2>&1 & pids+=($!) server[curl]=$!
else
  python3 - "$http_port" "$work/seed/shared" >/dev/null 2>&1 <<'PY' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
PY
  pids+=($!) server[curl]=$!
fi
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
      --bt-enable-lpd=false --file-allocation=none "$work/file.torrent" >/dev/null 2>&1 & pids+=($!) server[aria2]=$! server[rqbit]=$!
    sleep 5 # aria2 hashes the file before it seeds.
  fi
fi

# --- the fetching sides
# Processor time of a process and of its children that have ended, in seconds.
spent() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15 + $16 + $17) / hz }' "/proc/$1/stat"; }
fetch() { # name, then the command
  local name=$1 before; shift
  rm -rf "$work/get"; mkdir -p "$work/get"; sync -f "$work"
  before=$(spent "${server[$name]}")
  /usr/bin/time -f '%e %M %U %S' -o "$work/time" "$@" >"$work/$name.out" 2>&1 || { echo "$name failed:" >&2; tail -3 "$work/$name.out" >&2; return; }
  sleep 0.2 # A daemon takes note of the end of its child.
  local got; got=$(find "$work/get" -name file.bin -not -path '*/.sprat/*' | head -1)
  [ "$(cksum < "$got")" = "$sum" ] || { echo "$name: the file differs" >&2; return; }
  echo "$(tail -1 "$work/time") $(spent "${server[$name]}") $before $(awk '/VmHWM/ { print $2 }' "/proc/${server[$name]}/status")" |
    awk '{ print $1, $2, $3 + $4, $5 - $6, $7, $3 + $4 + $5 - $6 }' >> "$work/$name.times"
}
for _ in $(seq "$runs"); do
  SPRAT_DISCOVERY_PORT=$discovery fetch sprat "$sprat" download --no-mdns --home "$work/get" --no-progress file.bin
  SPRAT_NO_AES=1 SPRAT_DISCOVERY_PORT=$discovery fetch chacha "$sprat" download --no-mdns --home "$work/get" --no-progress file.bin
  if [ -n "$before" ]; then
    SPRAT_DISCOVERY_PORT=$((discovery + 1)) fetch before "$before" download --no-mdns --home "$work/get" --no-progress file.bin
  fi
  if has curl; then fetch curl curl -sS -o "$work/get/file.bin" "http://127.0.0.1:$http_port/file.bin"; fi
  if has rsync; then fetch rsync rsync "rsync://127.0.0.1:$rsync_port/d/file.bin" "$work/get/"; fi
  if [ -n "${ssh_port:-}" ]; then
    fetch scp scp "${ssh_options[@]}" -P "$ssh_port" "127.0.0.1:$work/seed/shared/file.bin" "$work/get/"
    if has rsync; then fetch rsync+ssh rsync -e "ssh ${ssh_options[*]} -p $ssh_port" "127.0.0.1:$work/seed/shared/file.bin" "$work/get/"; fi
  fi
  if has aria2c; then
    fetch aria2 aria2c -q --dir="$work/get" --seed-time=0 --enable-dht=false --bt-enable-lpd=false --file-allocation=none \
      --listen-port="$(port)" "$work/file.torrent"
  fi
  if has rqbit && has aria2c; then
    fetch rqbit rqbit --disable-dht --disable-upnp-port-forward download --exit-on-finish -o "$work/get" "$work/file.torrent"
  fi
done

printf '\n%s MiB, one sender to one receiver on loopback, medians of %s rounds\n' "$mib" "$runs"
printf '%-10s %7s %24s %18s %8s %8s\n' tool 'wall s' 'processor s, get + give' 'peak MiB' '/ curl' '/ rsync'
median() { cut -d' ' -f"$2" "$work/$1.times" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
over() { if [ -f "$work/$1.times" ]; then median "$1" 1; else echo 0; fi; }
for tool in sprat chacha before curl rsync scp rsync+ssh rqbit aria2; do
  [ -f "$work/$tool.times" ] || continue
  echo "$tool $(for n in 1 3 4 6 2 5; do median "$tool" $n; done | tr '\n' ' ') $(over curl) $(over rsync)" | awk '
    function ratio(s, of) { return of > 0 ? sprintf("%.2f", s / of) : "-" }
    { printf "%-10s %7.2f %24s %18s %8s %8s\n", $1, $2, sprintf("%.2f + %.2f = %.2f", $3, $4, $5),
      sprintf("%.0f, %.0f", $6 / 1024, $7 / 1024), ratio($2, $8), ratio($2, $9) }'
done
for tool in curl rsync scp rsync+ssh rqbit aria2; do [ -f "$work/$tool.times" ] || echo "left out: $tool"; done
[ -n "$nginx" ] || echo "(curl from Python's server, which is slow: install nginx to compare with the best)"
