#!/usr/bin/env bash
# Installs an older package into an empty folder, upgrades it to this one, and purges it: what it brings works, and nothing stays.
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
version() { dpkg-query --admindir="$root/var/lib/dpkg" -f '${Version}' -W sprat; }

# The older one is this one under an earlier version, with a file that is there no more.
older=$root.older
trap 'rm -rf "$root" "$older" "$older.deb"' EXIT
dpkg-deb -R "$deb" "$older"
sed -i 's/^Version: .*/Version: 0.0.1-1/' "$older/DEBIAN/control"
touch "$older/usr/share/doc/sprat/OLD"
rm -f "$older/usr/bin/sprat"
dpkg-deb -Zgzip -z1 -b "$older" "$older.deb" >/dev/null
dpkg_here -i "$older.deb" 2>/dev/null
[ "$(version)" = 0.0.1-1 ] || fail "the older one is not there"
dpkg_here -i "$deb" 2>/dev/null
[ "$(version)" = "$(dpkg-deb -f "$deb" Version)" ] || fail "not upgraded: $(version)"
[ ! -e "$root/usr/share/doc/sprat/OLD" ] || fail "a file of the older one stays"
"$root/usr/bin/sprat" --version | grep -q '^sprat ' || fail "the program does not start"
# A page a command, and every shell's words.
pages=$(find "$root/usr/share/man/man1" -name 'sprat-*.1.gz' | wc -l)
commands=$("$root/usr/bin/sprat" --help | awk '/^Commands:/ { on = 1; next } on && !NF { exit } on && /^  [a-z]/ && $1 != "help" { n++ } END { print n }')
[ "$pages" -ge "$commands" ] && [ "$commands" -gt 20 ] || fail "$pages pages of $commands commands"
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
dpkg_here -i "$deb" 2>/dev/null # The same again.
dpkg_here --purge sprat 2>/dev/null
left=$(find "$root/usr" "$root/etc" ! -type d 2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"
echo "test-deb: installed, upgraded and purged; $size bytes"
