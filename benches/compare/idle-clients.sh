#!/usr/bin/env bash
# What clients that only wait cost a rendezvous server. Usage: benches/compare/idle-clients.sh [CLIENTS]
# Needs target/release/sprat; prints the server's memory and fails when a client costs more than 64 KiB, or all 128 MiB.
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:-1000}
sprat=$PWD/target/release/sprat
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
# The clients are one process: a socket each, and some for the runtime of each.
ulimit -n "$(ulimit -H -n)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge $((count * 8 + 200)) ] || { echo "too few open files allowed: $(ulimit -n)" >&2; exit 1; }
# The clients need no optimization: only the server is measured.
exec cargo test --quiet --locked --bench idle -- "$sprat" "$count"
