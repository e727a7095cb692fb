#!/usr/bin/env bash
# Installs a package into an empty folder, upgrades it, and purges it: what it brings works, and nothing stays.
# Usage (as root): dist/test-deb.sh target/debian/sprat_*.deb. `make deb` makes it.
set -euo pipefail
deb=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers} "$root/var/log"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
# Its libraries are those of this system.
dpkg_here() { dpkg --root="$root" --force-depends --force-script-chrootless --log="$root/var/log/dpkg.log" "$@" >/dev/null; }
fail() { echo "test-deb: $*" >&2; exit 1; }

size=$(stat -c %s "$deb")
[ "$size" -le $((12 * 1000 * 1000)) ] || fail "$size bytes, 12 MB are the most"
dpkg_here -i "$deb" 2>/dev/null
"$root/usr/bin/sprat" --version | grep -q '^sprat ' || fail "the program does not start"
for file in usr/share/man/man1/sprat.1.gz usr/share/man/man1/sprat-send.1.gz usr/share/man/man5/sprat-config.5.gz \
  usr/share/man/man7/sprat-protocol.7.gz usr/share/bash-completion/completions/sprat usr/share/zsh/vendor-completions/_sprat \
  usr/share/fish/vendor_completions.d/sprat.fish usr/lib/systemd/user/sprat.service usr/lib/systemd/system/sprat-rendezvous.service \
  usr/share/doc/sprat/copyright; do
  [ -s "$root/$file" ] || fail "$file is not there"
done
if command -v systemd-analyze >/dev/null; then
  sed "s#/usr/bin/sprat#$root/usr/bin/sprat#" "$root/usr/lib/systemd/user/sprat.service" > "$root/sprat.service"
  XDG_RUNTIME_DIR=$root systemd-analyze verify --user --man=no "$root/sprat.service" || fail "the unit is not understood"
fi
dpkg_here -i "$deb" 2>/dev/null # The same again is an upgrade.
dpkg_here --purge sprat 2>/dev/null
left=$(find "$root/usr" "$root/etc" -type f 2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"
echo "test-deb: installed, upgraded and purged; $size bytes"
