#!/usr/bin/env bash
# A place to try it: a rendezvous server and four people who find each other through it, each with a start script.
# Usage: peers/testing.sh path/to/sprat [FOLDER [PORT]]. FOLDER is testing/ at the top level, PORT the server's, 12000.
# What is there stays: keys, downloads and files of before. The nodes listen on 127.0.0.1 only, and each announces itself on a
# port of its own, so that none hears the others but through the server. One copy of each file, so that a download moves.
set -euo pipefail
sprat=$(realpath "$1")
folder=${2:-$(dirname "$0")/../testing} port=${3:-12000}
mkdir -p "$folder"
cd "$folder"

# start NAME WHAT WORDS: the script that starts it, from wherever one stands.
start() {
  mkdir -p "$1"
  {
    printf '#!/usr/bin/env bash\n# %s\n' "$2"
    printf '%s\n' 'cd "$(dirname "$0")"' 'for name in $(compgen -e SPRAT_ || true); do unset "$name"; done'
    printf 'exec %q %s "$@"\n' "$sprat" "$3"
  } > "$1/start"
  chmod +x "$1/start"
}
# sample FILE MIB: bytes of no meaning, made once.
sample() {
  mkdir -p "$(dirname "$1")"
  [ -s "$1" ] || head -c "$(($2 * 1024 * 1024))" /dev/urandom > "$1"
}

start server "The rendezvous server. It introduces the others, and sees nothing of what they share." \
  "rendezvous --home . --port $port"
number=0
for name in anna ben cara dora; do
  number=$((number + 1))
  start "$name" "The node of $name. Options that are given to this script are given to it." \
    "--home . --name $name --listen 127.0.0.1 --discovery-port $((port + number)) --no-mdns --replicas 1 --rendezvous 127.0.0.1:$port"
  mkdir -p "$name/shared"
  [ -e "$name/shared/hello-from-$name.txt" ] || echo "Hello from $name." > "$name/shared/hello-from-$name.txt"
done
sample anna/shared/film.bin 64
mkdir -p ben/shared
[ -e ben/shared/film.bin ] || cp anna/shared/film.bin ben/shared/film.bin # From both at once.
sample cara/shared/photos/one.jpg 1
sample cara/shared/photos/two.jpg 1
sample dora/present.bin 8 # Not shared: to be sent.

here=$PWD
[ "$here" != "$(cd "$OLDPWD" && pwd)/testing" ] || here=testing
cat <<TEXT

== Ready: a rendezvous server and four people in $here/

terminal 1    $here/server/start
terminal 2    $here/anna/start
terminal 3    $here/ben/start
terminal 4    $here/cara/start            then, at its prompt:
                peers                     anna and ben are there, though no beacon reaches them
                list                      what they share
                download film.bin         from anna and ben at once
                msg anna hello            it shows in terminal 2
terminal 5    $here/dora/start            then:
                download photos/          cara's folder
                send present.bin --to ben     ben types: accept 1
                exit
By a code:    $here/dora/start send present.bin, and in terminal 2, after \`exit\`:  $here/anna/start receive CODE

A private swarm: $sprat passphrase > $here/words, and give each node's script  --passphrase-file ../words
To be found by name:  $here/anna/start signup anna, then  $here/ben/start people  (each after \`exit\`).
To begin anew: rm -r $here
TEXT
