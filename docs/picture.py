#!/usr/bin/env python3
"""Makes docs/demo.svg: a real run at a real terminal (tmux), as plain SVG text.

Usage, after `make build`: docs/picture.py. Needs python3 and tmux. Stays on 127.0.0.1.
"""
import html, os, pathlib, shutil, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPRAT = ROOT / "target/release/sprat"
COLUMNS, ROWS, MIB = 100, 34, 256
TMUX = ["tmux", "-L", f"sprat-picture-{os.getpid()}", "-f", "/dev/null"]


def tmux(*words):
    return subprocess.run([*TMUX, *words], check=True, text=True, capture_output=True).stdout


def screen():
    return [line.rstrip() for line in tmux("capture-pane", "-p", "-t", "0").rstrip().split("\n")]


def wait(what, count=1):
    for _ in range(600):
        if sum(what in line for line in screen()) >= count:
            return
        time.sleep(0.1)
    sys.exit(f"{what!r} never came:\n" + "\n".join(screen()))


def types(line):
    tmux("send-keys", "-t", "0", line, "Enter")


def svg(lines):
    wide, high, size = 8.4, 19, 14
    width, height = COLUMNS * wide + 32, len(lines) * high + 52
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}">',
        "<title>Three nodes: one downloads a file from the other two at once</title>",
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#1d2430"/>',
        *(f'<circle cx="{20 + 18 * at}" cy="18" r="5" fill="{c}"/>' for at, c in enumerate(["#e06c75", "#e5c07b", "#98c379"])),
        f'<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{size}" xml:space="preserve">',
    ]
    for at, line in enumerate(lines):
        typed = line.startswith(("$ ", "sprat> "))
        colour = "#98c379" if typed else "#d7dae0"
        if line:
            long = f' textLength="{len(line) * wide:.1f}" lengthAdjust="spacingAndGlyphs"'
            out.append(f'<text x="16" y="{48 + at * high}" fill="{colour}"{long}>{html.escape(line)}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="sprat."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = str(free.getsockname()[1])
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SPRAT_")}
    env = {**clean, "SPRAT_DISCOVERY_PORT": port, "SPRAT_LISTEN": "127.0.0.1", "SPRAT_NO_MDNS": "1"}
    nodes = []
    try:
        big = os.urandom(MIB << 20)
        for name in ["alice", "bob"]:
            shared = work / name / "shared"
            shared.mkdir(parents=True)
            (shared / "concert.mkv").write_bytes(big)
            (shared / f"notes-of-{name}.txt").write_text(f"Hello from {name}.\n")
            command = [SPRAT, "serve", "--home", work / name, "--name", name]
            node = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
            nodes.append(node)
            while not node.stdout.readline().startswith("offering"):
                pass
        (work / "carol").mkdir()
        env |= {"PS1": "$ ", "PATH": f"{SPRAT.parent}:{env['PATH']}"}
        start = [*TMUX, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", work / "carol", "PS1='$ ' exec bash --norc --noprofile"]
        subprocess.run(start, check=True, env=env)
        wait("$")
        types("sprat --name carol")
        wait("joined", 2)
        for line, end, count in [
            ("list", "notes-of-bob", 1),
            ("download concert.mkv", "got concert.mkv", 1),
            ("peers", "127.0.0.1:", 3),
            ("status", "received", 1),
            ("exit", "left the swarm", 1),
        ]:
            types(line)
            wait(end, count)
            time.sleep(0.3)  # The prompt comes back.
        lines = screen()
        while lines and lines[-1] in ("", "$"):
            lines.pop()
        (ROOT / "docs/demo.svg").write_text(svg(lines))
        print("\n".join(lines))
    finally:
        subprocess.run([*TMUX, "kill-server"], capture_output=True)
        for node in nodes:
            node.terminate()
            node.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
