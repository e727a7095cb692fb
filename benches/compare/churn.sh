#!/usr/bin/env bash
# Days of ordinary use, compressed: nodes come and go, files are made, changed, renamed and deleted, on loopback.
# Usage: benches/compare/churn.sh [MINUTES] [STEADY] [VOLATILE] [EVENTS_A_SECOND]
# Told are the slopes of what the steady nodes take (memory, descriptors, threads, disk), by least squares over the last
# two thirds, and whether what they list at the end is what there is.
set -euo pipefail
cd "$(dirname "$0")/../.."
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
exec python3 - "$sprat" "${1:-30}" "${2:-4}" "${3:-12}" "${4:-4}" <<'PY'
import json, os, random, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

sprat = sys.argv[1]
minutes, steady, volatile, pace = (float(word) for word in sys.argv[2:6])
steady, volatile = int(steady), int(volatile)
chance = random.Random(1)
work = tempfile.mkdtemp(prefix="churn.")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("", 0))
    os.environ |= {"SPRAT_DISCOVERY_PORT": str(free.getsockname()[1]), "SPRAT_LISTEN": "127.0.0.1"}
nodes = {}
done = {kind: 0 for kind in ("start", "leave", "kill", "make", "change", "rename", "delete", "download")}
made = 0

def start(n):
    os.makedirs(f"{work}/{n}/shared", exist_ok=True)
    command = [sprat, "serve", "--home", f"{work}/{n}", "--name", f"node{n}", "--replica-quota", "8MiB"]
    nodes[n] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def names(n):
    folder = f"{work}/{n}/shared"
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))

def event():
    global made
    kind = chance.choices(list(done), [3, 2, 1, 6, 4, 4, 4, 2])[0]
    away = [n for n in range(steady, steady + volatile) if n not in nodes]
    here = [n for n in nodes if n >= steady]
    if kind == "start" and away:
        start(chance.choice(away))
    elif kind in ("leave", "kill") and len(here) > volatile / 3:
        n = chance.choice(here)
        node = nodes.pop(n)
        node.send_signal(signal.SIGTERM if kind == "leave" else signal.SIGKILL)
        node.wait()
    elif kind == "download":
        others = [(n, name) for n in nodes for name in names(n)]
        if not others:
            return
        n, name = chance.choice(others)
        to = chance.choice(list(nodes))
        words = [sprat, "download", name, "--home", f"{work}/{to}", "-o", f"{work}/{to}/got/"]
        os.makedirs(f"{work}/{to}/got", exist_ok=True)
        try:
            subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
        except subprocess.TimeoutExpired:
            pass  # Who had it left; it would wait for it to come back.
        shutil.rmtree(f"{work}/{to}/got", ignore_errors=True)
    elif kind in ("make", "change", "rename", "delete"):
        n = chance.choice(list(nodes))
        mine, folder = names(n), f"{work}/{n}/shared"
        if kind == "make" and len(mine) < 40 or not mine:
            made += 1
            with open(f"{folder}/file{made}.bin", "wb") as file:
                file.write(chance.randbytes(chance.choice([100, 5_000, 300_000])))
        elif kind == "change":
            with open(f"{folder}/{chance.choice(mine)}", "ab") as file:
                file.write(chance.randbytes(100))
        elif kind == "rename":
            made += 1
            os.rename(f"{folder}/{chance.choice(mine)}", f"{folder}/name{made}.bin")
        elif len(mine) > 5:
            os.remove(f"{folder}/{chance.choice(mine)}")
    else:
        return
    done[kind] += 1

def taken(n):
    pid, home = nodes[n].pid, f"{work}/{n}/.sprat"
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/smaps_rollup") if ":" in line)
    disk = 0
    for folder, _, files in os.walk(home):
        if "/replicas" not in folder:
            for file in files:
                try:
                    disk += os.stat(f"{folder}/{file}").st_blocks * 512
                except OSError:
                    pass
    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return {
        "memory, KiB": int(fields["Anonymous"].split()[0]),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(stat[17]),
        "disk without replicas, KiB": disk / 1024,
        "processor, ms": (int(stat[11]) + int(stat[12])) * 10,
    }

try:
    for n in range(steady + volatile):
        start(n)
    begun = looked = time.monotonic()
    samples = []
    while (now := time.monotonic()) < begun + minutes * 60:
        event()
        if now >= looked + 10:
            looked = now
            samples.append((now - begun, [taken(n) for n in range(steady)]))
        time.sleep(chance.expovariate(pace))
    print(", ".join(f"{count} x {kind}" for kind, count in done.items()), flush=True)
    late = samples[len(samples) // 3:]
    for what in late[0][1][0]:
        slopes = []
        for n in range(steady):
            points = [(when / 3600, each[n][what]) for when, each in late]
            slopes.append(statistics.linear_regression(*zip(*points)).slope)
        third = len(late) // 3
        level = lambda part: statistics.median(each[n][what] for _, each in part for n in range(steady))
        print(f"{what}: {level(late[:third]):.0f}, {level(late[third:2 * third]):.0f}, {level(late[-third:]):.0f} in thirds; "
              f"{', '.join(f'{slope:+.0f}' for slope in slopes)} an hour", flush=True)
    time.sleep(75)
    there = sorted({name for n in nodes for name in names(n)})
    for n in range(steady):
        listed = subprocess.run([sprat, "list", "--home", f"{work}/{n}", "--json"], capture_output=True, text=True)
        rows = [json.loads(line) for line in listed.stdout.splitlines()]
        seen = {row["name"] for row in rows if "size" in row}
        lacks, more = set(there) - set(seen), set(seen) - set(there)
        print(f"node{n} lists {len(seen)} of {len(there)} names, {len(more)} that are no one's own now, exit {listed.returncode}; "
              f"lacking {sorted(lacks)[:5]}", flush=True)
finally:
    for node in nodes.values():
        node.terminate()
    for node in nodes.values():
        node.wait()
    shutil.rmtree(work, ignore_errors=True)
PY
