// The page on a real node, with another one beside it, on loopback: from the first open to a finished download, an ask
// and its answer each way, a chat, a limit. SPRAT=/path/to/sprat says which program; without one this is left out.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { randomFillSync } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { open } from "./browser.mjs";
import { until } from "./common.mjs";

const built = ["release", "debug"].map((kind) => fileURLToPath(new URL(`../../target/${kind}/sprat`, import.meta.url)));
/** One that serves a page at all. */
const serves = (path) => existsSync(path) && spawnSync(path, ["--help"], { encoding: "utf8" }).stdout.includes("--web");
const SPRAT = [process.env.SPRAT, ...built].find((path) => path && serves(path));
const MIB = 2 ** 20;
/** A minute of a tone. */
function tone() {
  const count = 8000 * 60;
  const wav = Buffer.alloc(44 + count, 128);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + count, 4);
  wav.write("WAVEfmt ", 8);
  for (const [at, value] of [[16, 16], [24, 8000], [28, 8000], [40, count]]) wav.writeUInt32LE(value, at);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) wav.writeUInt16LE(value, at);
  wav.write("data", 36);
  for (let at = 0; at < count; at++) wav[44 + at] = 128 + 60 * Math.sin(at / 3);
  return wav;
}
/** Three pixels wide. */
const DOT = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGNQaPgPQQxwFgBcHgm7QYRGfgAAAABJRU5ErkJggg==", "base64");

/** A port that is free: both nodes find each other by it, and nobody else on this machine does. */
async function freePort() {
  const socket = createSocket("udp4");
  await new Promise((yes) => socket.bind(0, "127.0.0.1", yes));
  const { port } = socket.address();
  await new Promise((yes) => socket.close(yes));
  return port;
}

class Running {
  said = "";
  constructor(home, ...args) {
    this.child = spawn(SPRAT, [...args, "--home", home], { env: { ...process.env, NO_COLOR: "1" } });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => (this.said += data));
    this.ended = new Promise((yes) => this.child.on("close", yes));
  }
  type(line) {
    this.child.stdin.write(`${line}\n`);
  }
  async hears(pattern, what = String(pattern)) {
    await until(() => pattern.test(this.said), `${what}; it said: ${this.said.slice(-2000)}`);
    return pattern.exec(this.said);
  }
  async end() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(late);
  }
}

const held = { faults: [] };
before(async () => {
  if (!SPRAT) return;
  held.folder = await mkdtemp(join(tmpdir(), "sprat-web-"));
  const bytes = Buffer.alloc(48 * MIB);
  randomFillSync(bytes);
  held.bytes = bytes;
  for (const who of ["anna", "bob"]) await mkdir(join(held.folder, who, "shared", "photos"), { recursive: true });
  await writeFile(join(held.folder, "bob/shared/film.bin"), bytes);
  await writeFile(join(held.folder, "bob/shared/photos/harbour.txt"), "a harbour");
  await writeFile(join(held.folder, "bob/shared/dot.png"), DOT);
  await writeFile(join(held.folder, "bob/shared/tone.wav"), tone());
  await writeFile(join(held.folder, 'bob/shared/<img src=x onerror="globalThis.pwned=1">.txt'), "not a picture");
  await writeFile(join(held.folder, "gift.txt"), "for anna");
  const net = ["--discovery-port", String(await freePort()), "--no-mdns", "--listen", "127.0.0.1", "-t", "0"];
  held.anna = new Running(join(held.folder, "anna"), "serve", "--web=127.0.0.1:0", "--name", "anna", ...net);
  held.bob = new Running(join(held.folder, "bob"), "--name", "bob", ...net);
  held.browser = await open();
});
after(async () => {
  await held.browser?.close();
  await held.anna?.end();
  await held.bob?.end();
  if (held.folder) await rm(held.folder, { recursive: true, force: true });
});

test("a day at the page of a real node", { skip: !SPRAT && "no built sprat that serves a page (SPRAT=/path/to/it)" }, async () => {
  const [address] = await held.anna.hears(/http:\/\/127\.0\.0\.1:\d+\/#code=[0-9a-f]{32}/, "the address of the page");
  const context = await held.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => held.faults.push(error.stack));
  page.on("console", (message) => message.type() === "error" && held.faults.push(message.text()));
  await page.goto(address);
  await page.waitForSelector(".live:not(.late):not(.off)");
  assert.ok(!page.url().includes("code="), "the code is gone from the address");

  // A limit, so that there is something to see; then the download.
  await page.click('.tab[href="#settings"]');
  await page.fill("#download_limit", "1M");
  await page.click(".field:has(#download_limit) button");
  await page.waitForSelector(".toast.good");
  await page.click('.tab[href="#files"]');
  await page.waitForSelector('.vrow:has-text("film.bin")');
  assert.ok((await page.innerText(".vlist")).includes('<img src=x onerror="globalThis.pwned=1">.txt'));
  await page.fill("input[type=search]", "film");
  await page.waitForFunction(() => document.querySelectorAll(".vrow").length === 1);
  await page.click(".vrow .o-do button");
  await page.click('.tab[href="#transfers"]');
  const job = '.job:has-text("film.bin")';
  await page.click(`${job} .open`);
  await page.waitForSelector(`${job} canvas[aria-label^="Piece map"]`);
  await page.waitForSelector(`${job} tbody tr:has-text("bob")`);
  await page.click(`${job} [aria-label^="Pause"]`);
  await page.waitForSelector(`${job}[data-state="paused"]`);
  await page.click(`${job} [aria-label^="Resume"]`);
  await page.waitForSelector(`${job}[data-state="running"]`);
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "real-transfers.png") });
  await page.click('.tab[href="#settings"]');
  await page.fill("#download_limit", "");
  await page.click(".field:has(#download_limit) button");
  await page.click('.tab[href="#transfers"]');
  await page.waitForSelector(`${job}[data-state="done"]`);
  assert.deepEqual(await readFile(join(held.folder, "anna/downloads/film.bin")), held.bytes);

  // Its bytes for this browser, from another port: saved, and shown in a tab of their own.
  const saving = page.waitForEvent("download");
  await page.click(`${job} [aria-label^="Save"]`);
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), "film.bin");
  assert.deepEqual(await readFile(await saved.path()), held.bytes);
  await page.click('.tab[href="#files"]');
  const opens = async (name) => {
    await page.fill("input[type=search]", name);
    await page.waitForFunction(() => document.querySelectorAll(".vrow").length === 1);
    const opening = page.context().waitForEvent("page");
    await page.click('.vrow [aria-label^="Open"]');
    const shown = await opening;
    await shown.waitForLoadState();
    assert.notEqual(new URL(shown.url()).origin, new URL(page.url()).origin);
    return shown;
  };
  const picture = await opens("dot.png");
  assert.equal(await picture.evaluate(() => document.images[0].naturalWidth), 3, "nothing of it was here");
  assert.equal(await picture.evaluate(() => globalThis.origin), "null", "it is sandboxed");
  await picture.close();
  const sound = await opens("tone.wav");
  await until(() => sound.evaluate(() => document.querySelector("video")?.duration === 60), "the player knows how long it is");
  await sound.close();

  // Asks, each way.
  held.bob.type(`send ${join(held.folder, "gift.txt")} --to anna`);
  await held.bob.hears(/asked anna/);
  await page.waitForSelector('.tab[href="#inbox"] .badge');
  await page.click('.tab[href="#inbox"]');
  await page.click('.ask:has-text("gift.txt") .primary');
  await until(() => existsSync(join(held.folder, "anna/downloads/gift.txt")), "the gift");
  await page.click('.tab[href="#people"]');
  await page.click('.person:has-text("bob")');
  await page.setInputFiles(".personhead input[type=file]", [{ name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("for bob") }]);
  await held.bob.hears(/asks to send you note\.txt/);
  held.bob.type("accept 1");
  await page.waitForSelector('.job:has-text("note.txt")[data-state="done"]');
  assert.equal(await readFile(join(held.folder, "bob/downloads/note.txt"), "utf8"), "for bob");

  // A chat.
  await page.click('.tab[href="#people"]');
  await page.click('.person:has-text("bob")');
  await page.fill(".say textarea", "did it arrive?");
  await page.keyboard.press("Enter");
  await held.bob.hears(/did it arrive\?/);
  held.bob.type('msg anna "it did"');
  await page.waitForSelector('.line:not(.mine):has-text("it did")');

  // Shared from the browser, seen by the other.
  await page.click('.tab[href="#files"]');
  await page.setInputFiles(".head .primary + input", [{ name: "from the page.txt", mimeType: "text/plain", buffer: Buffer.from("hello") }]);
  await until(() => existsSync(join(held.folder, "anna/shared/from the page.txt")), "the shared file");
  await page.click('.tab[href="#health"]');
  await page.waitForSelector(".tile");
  await page.click("#leave + .row button");
  await page.click(".danger");
  assert.equal(await held.anna.ended, 0, held.anna.said);
  assert.match(held.anna.said, /left the swarm/);
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  assert.deepEqual(held.faults.filter((line) => !/ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET)/.test(line)), []);
});
