#!/usr/bin/env bash
# What N nodes cost that only are there, on loopback. Usage: benches/compare/crowd.sh N [IDLE_SECONDS]
# Each shares one small file. Told are: until all know all, what is connected and sent and what it costs while nothing
# happens, what a newcomer's `list` shows, and until all know of a new file. All nodes share this machine's processors,
# so look at how the figures grow with N.
set -euo pipefail
cd "$(dirname "$0")/../.."
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
exec python3 - "$sprat" "${1:?how many nodes}" "${2:-60}" <<'PY'
import glob, json, os, shutil, socket, statistics, subprocess, sys, tempfile, time

sprat, count, idle = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
work = tempfile.mkdtemp(prefix="crowd.")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("", 0))
    port = free.getsockname()[1]
os.environ |= {"SPRAT_DISCOVERY_PORT": str(port), "SPRAT_LISTEN": "127.0.0.1"}
logs = [open(f"{work}/{n}.log", "w+b") for n in range(count)]
nodes, ids = [], [None] * count
known, left, heard_of_first = [set() for _ in logs], 0, [0] * count
lines = [b""] * count

def look():
    """Takes in what the nodes told since the last look."""
    global left
    for n, log in enumerate(logs):
        with open(log.name, "rb") as new:
            new.seek(places[n])
            text = lines[n] + new.read()
            places[n] = new.tell()
        *whole, lines[n] = text.split(b"\n")
        for line in whole:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            kind, peer = event.get("event"), event.get("peer")
            if kind == "ready":
                ids[n] = peer
            elif kind == "catalog":
                known[n].add(peer)
                heard_of_first[n] += peer == ids[0]
            elif kind == "left":
                left += not event.get("visiting", False)
                known[n].discard(peer)

def until(done, seconds):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        look()
        if done():
            return True
        time.sleep(0.1)
    return False

def kernel(file, row, column):
    rows = [line.split() for line in open(file) if line.startswith(row)]
    return int(rows[-1][rows[0].index(column)] if not column.isdigit() else rows[0][int(column)])

def counters():
    ticks = 0
    for node in nodes:
        stat = open(f"/proc/{node.pid}/stat").read().rsplit(")", 1)[1].split()
        ticks += int(stat[11]) + int(stat[12])
    return {
        "segments": kernel("/proc/net/snmp", "Tcp:", "OutSegs"),
        "datagrams": kernel("/proc/net/snmp", "Udp:", "OutDatagrams"),
        "bytes": kernel("/proc/net/dev", "    lo:", "9"),
        "cpu": ticks / os.sysconf("SC_CLK_TCK"),
    }

def connections():
    """Between the nodes: each has two ends."""
    found = subprocess.run(["ss", "-Htnp", "state", "established"], capture_output=True, text=True).stdout
    pids = {f"pid={node.pid}," for node in nodes}
    return sum(any(pid in line for pid in pids) for line in found.splitlines()) / 2

def listed(home, *words):
    begun = time.monotonic()
    done = subprocess.run([sprat, "list", *words, "--home", home, "--json"], capture_output=True, text=True)
    took = (time.monotonic() - begun) * 1000
    rows = [line for line in done.stdout.splitlines() if '"name":"of' in line]
    for line in done.stdout.splitlines():
        if '"incomplete"' in line:
            print(f"missing in a list: {line}")
    return len(rows), took, done.returncode

places = [0] * count
try:
    begun = time.monotonic()
    for n in range(count):
        os.makedirs(f"{work}/{n}/shared")
        with open(f"{work}/{n}/shared/of{n}.txt", "w") as file:
            file.write(f"{n}\n")
        command = [sprat, "serve", "--home", f"{work}/{n}", "--name", f"node{n}", "--json"]
        nodes.append(subprocess.Popen(command, stdout=logs[n], stderr=subprocess.DEVNULL))
    print(f"{count} nodes were started within {time.monotonic() - begun:.1f} s")
    full = until(lambda: all(len(known[n]) >= count - 1 for n in range(count)), 300)
    most = connections()
    worst = min(len(seen) for seen in known)
    print(f"all know {worst + 1} of {count} {'' if full else 'only '}after {time.monotonic() - begun:.1f} s; "
          f"{counters()['cpu'] / count:.2f} s of processor time each, {most:.0f} connections then, {left} were lost", flush=True)
    # What was made to get acquainted, and to place copies, is over by then.
    until(lambda: False, 60)
    before = counters()
    until(lambda: False, idle)
    after = counters()
    spent = {key: (after[key] - before[key]) / idle for key in after}
    memory = []
    for node in nodes:
        pss = [line for line in open(f"/proc/{node.pid}/smaps_rollup") if line.startswith("Pss:")]
        memory.append(int(pss[0].split()[1]) / 1024)
    print(f"idle: {connections():.0f} connections; a second {spent['segments']:.0f} TCP segments, {spent['datagrams']:.0f} "
          f"datagrams, {spent['bytes'] / 1024:.0f} KiB in all; {spent['cpu'] * 60 / count:.3f} s of processor time a node and "
          f"minute; {statistics.median(memory):.1f} MiB each (PSS, median); {left} were lost", flush=True)
    for run in range(3):
        os.makedirs(f"{work}/new{run}")
        rows, took, code = listed(f"{work}/new{run}", "--name", f"new{run}")
        print(f"a newcomer's list: {rows} of {count} files, {took:.0f} ms, exit {code}", flush=True)
    look()
    heard_of_first[:] = [0] * count
    begun = time.monotonic()
    with open(f"{work}/0/shared/fresh.txt", "w") as file:
        file.write("new\n")
    heard = until(lambda: all(heard_of_first[n] for n in range(1, count)), 60)
    print(f"a new file is known to {sum(map(bool, heard_of_first)) + 1} of {count} after {time.monotonic() - begun:.1f} s")
    rows, took, code = listed(f"{work}/{count - 1}")
    print(f"the last one's list: {rows} of {count} files, {took:.0f} ms, exit {code}; {left} were lost")
finally:
    for node in nodes:
        node.terminate()
    for node in nodes:
        node.wait()
    shutil.rmtree(work, ignore_errors=True)
PY
