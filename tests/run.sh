#!/usr/bin/env bash
# Everything that has to hold before a change lands. One build, one target folder; the several-host tests when root.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\n== %s\n' "$*"; }

missing=()
for tool in ip:iproute2 nft:nftables rsync:rsync chromium:chromium; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
[ -x /usr/bin/time ] || missing+=(time)
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"; } >/dev/null 2>&1 \
    || echo "could not install ${missing[*]}: the tests that need them will say so"
fi
for component in rustfmt clippy; do
  cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component" >/dev/null 2>&1 || true
done

# A full disk shows in tests as anything but itself.
free=$(df -Pm . | awk 'NR == 2 { print int($4 / 1024) }')
echo "$free GiB of disk are free here"
if [ "$free" -lt 10 ]; then echo "WARNING: a build from nothing takes about 8 GiB, and the tests want some, too"; fi

say "formatting"
cargo fmt --check
say "lints"
cargo clippy --locked --all-targets -- -D warnings
say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --quiet
# What passes only when it is run again is a defect to mend, and said to be; it does not hold up everything else.
page() { tests/web/run.sh || { echo "tests/web: FLAKY or broken: once more"; tests/web/run.sh; }; }
say "building the tests"
if [ "$(id -u)" != 0 ]; then
  echo "not root: the tests with several hosts in network namespaces (tests/lab.rs) are left out"
fi
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked --profile suite --no-run
  say "the page in a browser"
  page
  say "tests"
  cargo test --locked --quiet --doc
  exec cargo nextest run --locked --profile suite
fi
say "the page in a browser"
cargo build --locked
page
say "tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --locked --no-fail-fast 2>&1 | tee "$log"

# The runner closes each program by itself; this line adds them up.
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n",
           failed ? "FAILED" : "ok", passed, failed, ignored }' "$log"
