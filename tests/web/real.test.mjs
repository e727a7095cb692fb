// A day at the pages of two real nodes on loopback: from the first open to leaving. SPRAT=/path/to/sprat says which
// program; without one this is left out.

import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open } from "./browser.mjs";
import { dropPaths, until, writeTree } from "./common.mjs";
import { alone, freePort, Running, skip, tabTo, visit } from "./real.mjs";

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
const TRIP = { "trip/day 1/a.txt": "one", "trip/day 1/deep/b & c.txt": "two", "trip/plan.txt": "three" };
const HIKE = { "hike/map.txt": "a map", "hike/day 2/ü.txt": "a lake" };

// Anna keeps no copies for others: what she downloads has to come from bob.
const held = {};
const here = (...parts) => join(held.folder, ...parts);
before(async () => {
  if (skip) return;
  held.folder = await mkdtemp(join(tmpdir(), "sprat-web-"));
  held.bytes = Buffer.alloc(48 * MIB);
  randomFillSync(held.bytes);
  for (const who of ["anna", "bob"]) await mkdir(here(who, "shared"), { recursive: true });
  await writeFile(here("bob/shared/film.bin"), held.bytes);
  await writeFile(here("bob/shared/dot.png"), DOT);
  await writeFile(here("bob/shared/tone.wav"), tone());
  await writeFile(here('bob/shared/<img src=x onerror="globalThis.pwned=1">.txt'), "not a picture");
  await writeTree(here("drops"), { ...TRIP, ...HIKE, "gift.txt": "for anna" });
  for (const empty of ["trip/empty", "hike/empty"]) await mkdir(here("drops", empty));
  const net = alone(await freePort());
  held.anna = new Running(here("anna"), "--name", "anna", "--replica-quota", "0", ...net);
  held.bob = new Running(here("bob"), "--name", "bob", ...net);
  held.browser = await open();
});
after(async () => {
  await held.browser?.close();
  await held.anna?.end();
  await held.bob?.end();
  if (held.folder) await rm(held.folder, { recursive: true, force: true });
});

const holds = async (tree, ...folder) => {
  for (const [name, text] of Object.entries(tree)) {
    await until(() => existsSync(here(...folder, name)), `${name} in ${folder}`);
    assert.equal(await readFile(here(...folder, name), "utf8"), text, name);
  }
};
/** What the node itself says of a job. */
const jobOf = (page, name) => page.evaluate(async (wanted) => (await (await fetch("/api/v1/jobs")).json()).jobs.find((job) => job.name.includes(wanted)), name);

async function limit(side, text) {
  await side.go("settings");
  await side.page.fill("#download_limit", text);
  await side.page.click(".field:has(#download_limit) button");
  await side.page.waitForSelector(".field:has(#download_limit) button[disabled]");
}

async function openPerson(side, name) {
  await side.go("people");
  await side.page.click(`.person:has-text("${name}")`);
  await side.page.waitForSelector(`.personhead:has-text("${name}")`);
}

async function say(from, to, text) {
  await from.page.fill(".say textarea", text);
  await from.page.keyboard.press("Enter");
  await from.page.waitForSelector(`.line.mine:has-text("${text}")`);
  await to.page.waitForSelector(`.line:not(.mine):has-text("${text}")`);
}

test("a day at the pages of two real nodes", { skip }, async () => {
  const anna = await visit(held.browser, held.anna);
  const bob = await visit(held.browser, held.bob);

  // Anna shares a folder by dropping it; it keeps its structure. Bob fetches it as a folder.
  await anna.go("files");
  await anna.page.waitForSelector('.vrow:has-text("film.bin")');
  assert.ok((await anna.page.innerText(".vlist")).includes('<img src=x onerror="globalThis.pwned=1">.txt'));
  await dropPaths(anna.page, ".vlist", [here("drops/trip")]);
  await anna.page.waitForSelector('.toast.bad:has-text("1 empty folder is not shared")');
  await holds(TRIP, "anna/shared");
  await bob.go("files");
  await bob.page.click(".seg button:nth-child(2)");
  await bob.page.click('.vrow:has-text("trip") .o-do button');
  await holds(TRIP, "bob/downloads");

  // A download: slow by a limit, paused, resumed, and fast without the limit.
  await limit(anna, "1M");
  await anna.go("files");
  await anna.page.fill("input[type=search]", "film");
  await anna.page.waitForFunction(() => document.querySelectorAll(".vrow").length === 1);
  await anna.page.click(".vrow .o-do button");
  await anna.go("transfers");
  const job = '.job:has-text("film.bin")';
  await anna.page.click(`${job} .open`);
  await anna.page.waitForSelector(`${job} canvas[aria-label^="Piece map"]`);
  await anna.page.waitForSelector(`${job} tbody tr:has-text("bob")`);
  await anna.page.click(`${job} [aria-label^="Pause"]`);
  await anna.page.waitForSelector(`${job}[data-state="paused"]`);
  await anna.page.click(`${job} [aria-label^="Resume"]`);
  await anna.page.waitForSelector(`${job}[data-state="running"]`);
  let rate = 0;
  await until(async () => ({ rate } = await jobOf(anna.page, "film.bin")).rate > 0, "bytes after the pause");
  assert.ok(rate < 4 * MIB, `${rate} bytes a second in spite of the limit`);
  if (process.env.SHOTS) await anna.page.screenshot({ path: join(process.env.SHOTS, "real-transfers.png") });
  await limit(anna, "");
  await anna.go("transfers");
  // At the limit it would take longer than this waits.
  await anna.page.waitForSelector(`${job}[data-state="done"]`, { timeout: 40_000 });
  assert.deepEqual(await readFile(here("anna/downloads/film.bin")), held.bytes);

  // Its bytes for this browser, from another port: saved, and shown in a tab of their own.
  const saving = anna.page.waitForEvent("download");
  await anna.page.click(`${job} [aria-label^="Save"]`);
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), "film.bin");
  assert.deepEqual(await readFile(await saved.path()), held.bytes);
  await anna.go("files");
  const opens = async (name) => {
    await anna.page.fill("input[type=search]", name);
    await anna.page.waitForFunction((name) => [...document.querySelectorAll(".vrow")].map((row) => row.innerText.includes(name)).join() === "true", name);
    const opening = anna.page.context().waitForEvent("page");
    await anna.page.click('.vrow [aria-label^="Open"]');
    const shown = await opening;
    await shown.waitForLoadState();
    assert.notEqual(new URL(shown.url()).origin, new URL(anna.page.url()).origin);
    return shown;
  };
  const picture = await opens("dot.png");
  assert.equal(await picture.evaluate(() => document.images[0].naturalWidth), 3, "nothing of it was here");
  assert.equal(await picture.evaluate(() => globalThis.origin), "null", "it is sandboxed");
  await picture.close();
  const sound = await opens("tone.wav");
  await until(() => sound.evaluate(() => document.querySelector("video")?.duration === 60), "the player knows how long it is");
  await sound.close();

  // A folder that is dropped on a person arrives as that folder, with the empty ones in it. Bob accepts by the keyboard alone.
  await anna.go("people");
  await dropPaths(anna.page, '.personrow:has-text("bob")', [here("drops/hike")]);
  await bob.page.waitForSelector('.tab[href="#inbox"] .badge');
  await tabTo(bob.page, '.tab[href="#transfers"], .tab[tabindex="0"]');
  while (!(await bob.page.evaluate(() => document.activeElement.matches('[href="#inbox"]')))) await bob.page.keyboard.press("ArrowDown");
  await bob.page.keyboard.press("Enter");
  await bob.page.waitForSelector('.ask:has-text("hike")');
  await tabTo(bob.page, '.ask [aria-label^="Accept"]');
  await bob.page.keyboard.press("Enter");
  await holds(HIKE, "bob/downloads");
  await until(() => existsSync(here("bob/downloads/hike/empty")), "the empty folder");
  await anna.page.waitForSelector('.job:has-text("hike")[data-state="done"]');

  // The other way: a no, then a yes.
  const gift = { name: "gift.txt", mimeType: "text/plain", buffer: Buffer.from("for anna") };
  for (const answer of ['button:has-text("Refuse")', ".primary"]) {
    await openPerson(bob, "anna");
    await bob.page.setInputFiles(".personhead .primary + input", [gift]);
    await anna.go("inbox");
    await anna.page.click(`.ask:has-text("gift.txt") ${answer}`);
    await anna.page.waitForSelector('.ask:has-text("gift.txt")', { state: "detached" });
    await bob.go("transfers");
    await bob.page.waitForSelector('.job.over:has-text("gift.txt")');
    assert.equal((await jobOf(bob.page, "gift.txt")).state === "done", answer === ".primary");
    assert.equal(existsSync(here("anna/downloads/gift.txt")), answer === ".primary");
  }

  // A chat, both ways.
  await openPerson(anna, "bob");
  await openPerson(bob, "anna");
  await say(anna, bob, "did it arrive?");
  await say(bob, anna, "it <b>did</b>");

  // What anna shares is at bob's, too: she may leave, and says so.
  await anna.go("health");
  await anna.page.waitForSelector('.banner.good:has-text("Safe to leave")');
  await anna.page.click("#leave + .row button");
  await anna.page.click(".danger");
  assert.equal(await held.anna.ended, 0, held.anna.said);
  assert.match(held.anna.said, /left the swarm/);
  await bob.page.waitForFunction(() => document.querySelector(".person .dot.here") === null);
  await anna.blameless();
  await bob.blameless();
});
