#!/usr/bin/env bash
# The API of a node against its own description, by schemathesis: whatever fits the description, and what does not, is
# answered as it says. Leaves out, and says so, what needs Python, pip or a built sprat where these cannot be had.
# The same requests each time; EXAMPLES=200 SEED=7 tests/web/api.sh asks more of them, and others.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

left_out() { echo "tests/web/api.sh: LEFT OUT the description of the API against a node: $*"; exit 0; }
for sprat in "${SPRAT:-}" "$root/target/release/sprat" "$root/target/debug/sprat"; do
  [ -x "$sprat" ] && break
done
[ -x "$sprat" ] || left_out "sprat is not built (cargo build, or SPRAT=/path/to/it)"
command -v python3 >/dev/null || left_out "no Python"

# Of exactly these versions; made once.
venv=$root/target/api-$(sha256sum api-requirements.txt | cut -c1-16)
if [ ! -x "$venv/bin/st" ]; then
  rm -rf "$venv"
  mkdir -p "$root/target"
  if ! python3 -m venv "$venv" || ! "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement api-requirements.txt; then
    rm -rf "$venv"
    left_out "pip cannot get schemathesis"
  fi
fi

home=$(mktemp -d)
node=
end() {
  [ -z "$node" ] || { kill "$node" 2>/dev/null && wait "$node" 2>/dev/null; } || true
  rm -rf "$home"
}
trap end EXIT
mkdir "$home/shared"
echo hello > "$home/shared/a.txt"
port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for set in "${!SPRAT_@}"; do unset "$set"; done
"$sprat" serve --json --home "$home" --name anna --web=127.0.0.1:0 --discovery-port "$port" --no-mdns \
  --listen 127.0.0.1 --replicas 1 > "$home/told" 2> "$home/said" &
node=$!
page=
for _ in $(seq 300); do
  page=$(sed -n 's/.*"event":"web".*"address":"\(http:[^#"]*\)#.*/\1/p' "$home/told")
  [ -n "$page" ] && break
  kill -0 "$node" 2>/dev/null || { cat "$home/said"; exit 1; }
  sleep 0.1
done
[ -n "$page" ] || { echo "the node serves no page"; cat "$home/told" "$home/said"; exit 1; }

# Not asked: what ends the node, what never ends (events), what takes seconds each time (doctor), and what there is on the
# socket of the home alone (codes, get). Of a valid request nobody can say that it has to succeed: who is meant may not be here.
chance=(--generation-deterministic)
[ -z "${SEED:-}" ] || chance=(--seed "$SEED" --generation-database none)
cd "$home"
timeout 600 "$venv/bin/st" run "${page}api/v1/openapi.json" --url "${page%/}" --no-color \
  --header "Authorization: Bearer $(cat "$home/.sprat/api.token")" \
  --exclude-path-regex '^/api/v1/(leave|events|doctor|codes|get)$' \
  --checks all --exclude-checks positive_data_acceptance \
  --max-examples "${EXAMPLES:-15}" "${chance[@]}" --request-timeout 30 --warnings off
kill -0 "$node" || { echo "the node has ended"; cat "$home/said"; exit 1; }
if grep -q panicked "$home/said"; then
  cat "$home/said"
  exit 1
fi
