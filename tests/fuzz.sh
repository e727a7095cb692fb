#!/usr/bin/env bash
# Changed messages for every parser of foreign bytes, SECONDS each (30). With libFuzzer, which sees what is reached, where
# cargo-fuzz and a nightly toolchain are installed; else, or with FUZZ=loop, by the loop of tests/fuzz.rs.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-30}
cargo=${CARGO:-cargo}
if [ "${FUZZ:-}" != loop ] && "$cargo" +nightly fuzz --version >/dev/null 2>&1; then
  for target in $("$cargo" +nightly fuzz list --fuzz-dir fuzz); do
    echo "== $target"
    # What is found goes to a folder beside the seeds, which stay as they are.
    mkdir -p "fuzz/found/$target"
    "$cargo" +nightly fuzz run --fuzz-dir fuzz "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
      -max_total_time="$seconds" -max_len=8192
  done
else
  echo "== cargo-fuzz and a nightly toolchain are not here: changing the seeds by a loop, $seconds s for each target"
  SPRAT_FUZZ_SECONDS=$seconds "$cargo" test --locked --test fuzz -- --nocapture changed_messages
fi
