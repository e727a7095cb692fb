#!/usr/bin/env bash
# How soon a node that starts shows what a neighbour offers, on loopback. Usage: benches/compare/newcomer.sh [RUNS]
# Counted from before the process is started until `list` has printed the offer, and until it has ended; and how long
# `download` of 1 KiB takes in a home that knows the neighbour, as a whole process.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-10}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/newcomer.XXXXXX")
trap 'kill "$seed" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
free() { python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 0)); print(s.getsockname()[1])'; }
SPRAT_DISCOVERY_PORT=$(free)
export SPRAT_DISCOVERY_PORT SPRAT_LISTEN=127.0.0.1

mkdir -p "$work/seed/shared" "$work/new"
echo hello > "$work/seed/shared/hello.txt"
for run in $(seq 0 "$runs"); do head -c 1024 /dev/urandom > "$work/seed/shared/file$run"; done
"$sprat" serve --home "$work/seed" --name seed --json > "$work/seed.log" 2>&1 & seed=$!
until grep -q '"scanned"' "$work/seed.log"; do sleep 0.05; done

# A node that stays tells when it has the neighbour's catalog; a command tells when it has printed it.
now() { date +%s%N; }
for run in $(seq "$runs"); do
  home=$work/new/$run
  mkdir -p "$home/shared"
  begun=$(now)
  coproc node { exec "$sprat" serve --home "$home" --name "new$run" --json 2>/dev/null; }
  pid=$node_PID
  while read -r line <&"${node[0]}"; do case $line in *'"catalog"'*) break ;; esac; done
  echo $(( ($(now) - begun) / 1000000 )) >> "$work/known"
  kill -TERM "$pid"; wait "$pid" || true
  begun=$(now)
  "$sprat" list --home "$home" --name "new$run" --json | grep -q hello.txt
  echo $(( ($(now) - begun) / 1000000 )) >> "$work/listed"
done
download() { "$sprat" download "file$1" --home "$work/new/1" --name new1 > "$work/got" 2>&1; }
download 0
for run in $(seq "$runs"); do
  begun=$(now)
  download "$run"
  echo $(( ($(now) - begun) / 1000000 )) >> "$work/fetched"
done
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
printf 'a newcomer on loopback, median of %s: knows the offers after %s ms; `sprat list` takes %s ms from start to exit, `sprat download` of 1 KiB %s ms\n' \
  "$runs" "$(median "$work/known")" "$(median "$work/listed")" "$(median "$work/fetched")"
