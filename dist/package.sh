#!/usr/bin/env bash
# What packages need besides the program: manual pages and completions, made by the program itself.
# Usage: dist/package.sh PROGRAM FOLDER. Then `cargo deb --no-build` (or the other files of dist/) takes them from FOLDER.
set -euo pipefail
program=$(realpath "$1") to=$2
rm -rf "$to" && mkdir -p "$to/man" "$to/completions"
"$program" manual "$to/man" 2>/dev/null
gzip -9n "$to"/man/*
"$program" completions bash > "$to/completions/sprat"
"$program" completions zsh > "$to/completions/_sprat"
"$program" completions fish > "$to/completions/sprat.fish"
