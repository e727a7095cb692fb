#!/usr/bin/env bash
# The page of a node in a real browser, against a mock node: what a stranger may not do, use by keyboard, 100,000 offers; and its API
# against the description of it (api.sh).
# Leaves out, and says so, what needs Node.js, its packages or Chromium where these cannot be had.
set -euo pipefail
cd "$(dirname "$0")"

left_out() { echo "tests/web: LEFT OUT $1: $2"; }
tests() { node --test --test-reporter=spec --test-concurrency=1 "$@"; }
in_browser() {
  if ! command -v node >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    left_out "everything in the browser" "no Node.js of version 20 or later"
    return
  fi
  if [ ! -d node_modules ] && ! npm ci --ignore-scripts --no-audit --no-fund --silent; then
    left_out "the tests in the browser" "npm cannot get playwright-core and axe-core"
    tests words.test.mjs
    return
  fi
  if ! node -e 'import("./browser.mjs").then(({ executablePath }) => process.exit(executablePath ? 0 : 1))'; then
    left_out "the tests in the browser" "no Chromium (apt install chromium, or CHROMIUM=/path/to/it)"
    tests words.test.mjs
    return
  fi
  if [ -z "${SPRAT:-}" ] && [ ! -x ../../target/release/sprat ] && [ ! -x ../../target/debug/sprat ]; then
    left_out "the page on a real node" "sprat is not built (cargo build, or SPRAT=/path/to/it)"
  fi
  tests ./*.test.mjs
}

# The one is run whatever comes of the other.
status=0
./api.sh || status=1
(in_browser) || status=1
exit "$status"
