#!/usr/bin/env bash
# How much of a file is fetched where an older version of it lies in a shared folder that was never read.
# Usage: benches/compare/reuse.sh [MiB] [CHANGED MiB] [RUNS]. In each round other bytes in the middle are overwritten; the share of the file that came over
# the network is printed, beside that which was changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
mib=${1:-256} changed=${2:-2} runs=${3:-3}
sprat=${SPRAT:-$PWD/target/release/sprat}
[ -x "$sprat" ] || { echo "first: make build" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/reuse.XXXXXX")
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
export SPRAT_DISCOVERY_PORT=$((48000 + RANDOM % 1000)) SPRAT_LISTEN=127.0.0.1 SPRAT_REPLICAS=1
printf '%s of %s MiB are changed: %s %%\n' "$changed" "$mib" "$(awk -v c="$changed" -v m="$mib" 'BEGIN { printf "%.2f", 100 * c / m }')"
for round in $(seq "$runs"); do
  rm -rf "$work/old" "$work/new"; mkdir -p "$work/old/shared" "$work/new/shared"
  head -c "${mib}M" /dev/urandom > "$work/old/shared/file.bin"
  cp "$work/old/shared/file.bin" "$work/new/shared/file.bin"
  at=$((mib / 4 + round * mib / 12))
  head -c "${changed}M" /dev/urandom | dd of="$work/new/shared/file.bin" bs=1M seek="$at" conv=notrunc status=none
  "$sprat" serve --home "$work/new" --json > "$work/log" & node=$!
  until grep -q '"event":"scanned"' "$work/log"; do sleep 0.1; done
  "$sprat" download file.bin --home "$work/old" --json > "$work/download"
  cmp "$work/new/shared/file.bin" "$work/old/downloads/file.bin"
  grep -o '"fetched":[0-9]*' "$work/download" | tail -1 | cut -d: -f2 |
    awk -v m="$mib" '{ printf "fetched: %.2f %%\n", 100 * $1 / m / 1048576 }'
  kill "$node"; wait "$node" 2>/dev/null || true
  node=
done
