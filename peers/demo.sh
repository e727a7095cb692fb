#!/usr/bin/env bash
# The demonstration: peer1 and peer2 share one big file, peer3 finds them and downloads it from both at once.
# Usage: peers/demo.sh path/to/sprat. It works on a copy of these folders below target/ and stays on this machine
# (127.0.0.1): nodes that run here by hand are left alone, and nothing of it remains.
set -euo pipefail
sprat=$(realpath "$1")
cd "$(dirname "$0")"
size=${DEMO_MIB:-256}
big=demo.bin
# A discovery port of its own, and no settings from outside.
for name in $(compgen -e SPRAT_ || true); do unset "$name"; done
export SPRAT_DISCOVERY_PORT=$((46000 + RANDOM % 2000)) SPRAT_LISTEN=127.0.0.1 SPRAT_NO_MDNS=1
pids=()
mkdir -p ../target
stage=$(mktemp -d ../target/demo.XXXXXX)

say() { printf '\n== %s\n' "$*"; }
# Shows a command as one would type it, and runs it.
run() { printf '   $ sprat %s\n' "$*"; "$sprat" "$@"; }
finish() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill -TERM "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$stage"
}
trap finish EXIT
trap 'exit 130' INT TERM

for peer in peer1 peer2 peer3; do
  mkdir -p "$stage/$peer"
  cp -R "$peer/shared" "$stage/$peer/"
done
cd "$stage"
stage=$PWD

say "Making a file of $size MiB that peer1 and peer2 share"
head -c "$((size * 1024 * 1024))" /dev/urandom > "peer1/shared/$big"
cp "peer1/shared/$big" "peer2/shared/$big"

say "Starting peer1 and peer2, each in the background"
for peer in peer1 peer2; do
  printf '   $ sprat serve --home %s --name %s &\n' "$peer" "$peer"
  "$sprat" serve --home "$peer" --name "$peer" > "$peer.log" 2>&1 &
  pids+=($!)
done
for peer in peer1 peer2; do
  until grep -q '^offering' "$peer.log"; do
    if [ "$SECONDS" -gt 120 ] || grep -q '^sprat:' "$peer.log"; then
      echo "$peer does not come up:" >&2
      cat "$peer.log" >&2
      exit 1
    fi
    sleep 0.1 # It is still reading its files.
  done
done

say "peer3 looks what is there"
run list --home peer3 --name peer3

say "peer3 downloads the big file from both"
run download "$big" --home peer3 --name peer3
cmp "peer1/shared/$big" "peer3/downloads/$big"
echo "   The copy is the same, byte for byte."

say "That is all. To try it by hand, in three terminals: peers/peer1/README.md"
