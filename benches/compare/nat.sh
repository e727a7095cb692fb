#!/usr/bin/env bash
# Two people behind routers and a server that introduces them: how soon they are connected straight, and how fast it is then,
# beside the same pair without translation, and by relay. Usage (as root): benches/compare/nat.sh [MiB] [RUNS]
# Another program than target/release/sprat: SPRAT_BINARY. Everything happens in network namespaces of its own; the links are plain veth pairs, so nothing but the programs takes time.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-512} runs=${2:-5}
sprat=${SPRAT_BINARY:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "network namespaces need root" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/nat.XXXXXX")
p=natb$$
spaces="$p-s $p-v $p-r1 $p-r2 $p-a1 $p-a2"
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=; }; }
trap 'stop; for n in $spaces; do ip netns delete $n 2>/dev/null || true; done; rm -rf "$work"' EXIT
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
export SPRAT_REPLICAS=1 SPRAT_NO_MDNS=1

# --- the networks: a wide one with the server, and one behind each of two routers
for n in $spaces; do ip netns add "$n"; ip -n "$n" link set lo up; done
for bridge in wan lan1 lan2; do ip -n "$p-s" link add "$bridge" type bridge mcast_snooping 0; ip -n "$p-s" link set "$bridge" up; done
cable() { # namespace, device, port, bridge, address
  ip link add "$2" netns "$1" type veth peer name "$3" netns "$p-s"
  ip -n "$p-s" link set dev "$3" master "$4" up
  ip -n "$1" link set dev "$2" up
  ip -n "$1" addr add "$5/24" dev "$2"
}
cable "$p-v" wan v0 wan 203.0.113.1
for i in 1 2; do
  cable "$p-a$i" lan "c$i" "lan$i" "192.168.$i.10"
  ip -n "$p-a$i" route add default via "192.168.$i.1"
done
routers() { # new ones, which remember no connection of an earlier round
  for i in 1 2; do
    ip netns delete "$p-r$i"; ip netns add "$p-r$i"; ip -n "$p-r$i" link set lo up
    while ip -n "$p-s" link show "w$i" >/dev/null 2>&1 || ip -n "$p-s" link show "l$i" >/dev/null 2>&1; do sleep 0.05; done
    cable "$p-r$i" wan "w$i" wan "203.0.113.1$i"
    cable "$p-r$i" lan "l$i" "lan$i" "192.168.$i.1"
    ip netns exec "$p-r$i" sysctl -qw net.ipv4.ip_forward=1
    ip -n "$p-r$i" route add "192.168.$((3 - i)).0/24" via "203.0.113.1$((3 - i))"
    ip -n "$p-a$i" neigh flush all
  done
}
translate() { # none, or what follows `masquerade`
  routers
  for i in 1 2; do
    [ "$1" = none ] && continue
    ip netns exec "$p-r$i" nft -f - <<NFT
table ip nat {
  chain leaving {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade ${1#cone}
  }
}
table inet wall {
  chain here {
    type filter hook input priority 0;
    iifname "wan" ct state new,invalid drop
  }
  chain through {
    type filter hook forward priority 0;
    iifname "wan" ct state new,invalid drop
  }
}
NFT
  done
}
serve() {
  stop
  : > "$work/server.log"
  ip netns exec "$p-v" "$sprat" rendezvous --home "$work/server" --port 12000 --circuit-bytes 64G --relay-rate 8G "$@" > "$work/server.log" 2>&1 &
  server=$!
  until grep -q "join with" "$work/server.log"; do kill -0 "$server"; sleep 0.05; done
}
mkdir -p "$work/seed/shared" "$work/server"
head -c "${mib}M" /dev/urandom > "$work/seed/shared/big.bin"

# --- one round: a seed that waits, a newcomer; prints "seconds-to-the-path MiB/s path"
cat > "$work/round.py" <<'PY'
import atexit, json, os, shutil, subprocess, sys, threading, time
sprat, work, spaces, wanted, extra = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4], sys.argv[5:]
def node(space, home, *more):
    words = ["ip", "netns", "exec", space, sprat, "--json", "--home", f"{work}/{home}", "--name", home, "--wait", "30", *more]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    atexit.register(process.kill)
    return process
def until(process, wanted, limit=60):
    timer = threading.Timer(limit, process.kill); timer.start()
    try:
        for line in process.stdout:
            event = json.loads(line)
            if wanted(event): return event
        sys.exit("it did not come to it")
    finally: timer.cancel()
shutil.rmtree(f"{work}/get", ignore_errors=True); os.makedirs(f"{work}/get")
seed = node(spaces[0], "seed", "serve", "-t", "4001", *[word for word in extra if not word.startswith("--peer")])
until(seed, lambda event: event.get("event") == "scanned", 300)
threading.Thread(target=lambda: [None for _ in seed.stdout], daemon=True).start()
time.sleep(2) # It is registered: who is looked for has been there for a while.
started = time.time()
get = node(spaces[1], "get", *extra)
while True:
    get.stdin.write("peers\nstatus\n"); get.stdin.flush()
    rows = []
    until(get, lambda event: rows.append(event) or event.get("event") == "status")
    via = [row["via"] for row in rows if row.get("name") == "seed" and "via" in row]
    if via and via[0] in wanted.split(","): break
    if time.time() - started > 60: sys.exit(f"no such path: {via}")
    time.sleep(0.01)
took = time.time() - started
time.sleep(4) # Bulk waits for three seconds for a straight path: that is no part of the speed.
get.stdin.write("download big.bin\n"); get.stdin.flush()
done = until(get, lambda event: event.get("event") in ("done", "error"), 600)
if done["event"] == "error": sys.exit(str(done))
print(f"{took:.2f} {done['size'] / done['seconds'] / 2**20:.1f} {via[0]}")
for process in (get, seed):
    process.terminate(); process.wait()
PY
round() { # file for the result, the paths that count, more options
  local into=$1 wanted=$2; shift 2
  python3 "$work/round.py" "$sprat" "$work" "$p-a1 $p-a2" "$wanted" "$@" >> "$work/$into" || echo "a round of $into failed" >&2
}
for _ in $(seq "$runs"); do
  stop; translate none
  round plain lan,direct --peer=192.168.1.10:4001
  translate cone; serve
  round direct direct --rendezvous=203.0.113.1:12000
  translate fully-random; serve
  round relay relay --rendezvous=203.0.113.1:12000
done

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
printf '\n%s MiB between two networks, median of %s rounds\n%-28s %12s %10s %10s\n' "$mib" "$runs" path 'connected s' MiB/s ratio
base=$(cut -d' ' -f2 "$work/plain" | median)
for path in plain direct relay; do
  [ -s "$work/$path" ] || continue
  speed=$(cut -d' ' -f2 "$work/$path" | median)
  case $path in
    plain) name="without translation" of=$base ;;
    direct) name="straight, cone routers" of=$base direct=$speed ;;
    relay) name="relay (÷ straight)" of=${direct:-$base} ;;
  esac
  awk -v n="$name" -v t="$(cut -d' ' -f1 "$work/$path" | median)" -v s="$speed" -v o="$of" \
    'BEGIN { printf "%-28s %12.2f %10.0f %10.2f\n", n, t, s, s / o }'
done
