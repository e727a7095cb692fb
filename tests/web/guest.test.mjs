// People with only a browser: links made at a real node's page, opened by somebody else on a phone of 360 px.
// SPRAT=/path/to/sprat says which program; without one this is left out.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, watched } from "./browser.mjs";
import { until, writeTree } from "./common.mjs";
import { alone, freePort, Running, skip, tabTo, visit } from "./real.mjs";
import { unzip } from "./unzip.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Three pixels wide. */
const DOT = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGNQaPgPQQxwFgBcHgm7QYRGfgAAAABJRU5ErkJggg==", "base64");
const FILM = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) % 251));
const HOSTILE = ['<img src=x onerror="globalThis.pwned=1">.txt', "photo\u202egnp.exe", "a very long name that has no end ".repeat(6).trim() + ".txt"];

const held = {};
const here = (...parts) => join(held.folder, ...parts);
before(async () => {
  if (skip) return;
  held.folder = await mkdtemp(join(tmpdir(), "sprat-guest-"));
  await mkdir(here("anna"));
  await writeTree(here("trip"), Object.fromEntries(HOSTILE.map((name) => [name, name])));
  await mkdir(here("trip/day 1"));
  await writeFile(here("trip/day 1/dot.png"), DOT);
  await writeFile(here("trip/film.bin"), FILM);
  held.anna = new Running(here("anna"), "--name", "anna", ...alone(await freePort()));
  held.browser = await open();
  // A code opens the page once.
  held.owner = await visit(held.browser, held.anna);
});
after(async () => {
  await held.browser?.close();
  await held.anna?.end();
  if (held.folder) await rm(held.folder, { recursive: true, force: true });
});

/** A refusal and a listener that is gone stand in the console by themselves. */
const EXPECTED = /status of (401|410|429)|ERR_CONNECTION_REFUSED/;

/** Somebody else's browser, on a phone, at a link. `blameless()` as for the owner's page. */
async function guest(address, setup = {}) {
  const context = await held.browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: "en-GB", ...setup });
  context.setDefaultTimeout(45_000);
  const harmless = await watched(context, { quiet: (text) => EXPECTED.test(text), own: (url) => url.host === new URL(address).host });
  const page = await context.newPage();
  await page.goto(address);
  const blameless = async () => {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the phone");
    await harmless();
  };
  return { page, blameless };
}

const shot = async (page, name) => process.env.SHOTS && (await page.screenshot({ path: join(process.env.SHOTS, `guest-${name}.png`), fullPage: true }));

/** What the page offers as a link's address, once it is made at the owner's page. */
async function make(owner, what, ...boxes) {
  await owner.go("links");
  await owner.page.waitForSelector("#link-what");
  const old = await owner.page.$$eval("[data-link]", (rows) => rows.map((row) => row.dataset.link));
  await owner.page.fill("#link-what", what);
  for (const box of boxes) await owner.page.check(`#link-${box}`);
  await owner.page.click(what ? 'button:has-text("Make a link")' : 'button:has-text("handing files in")');
  await owner.page.waitForFunction((known) => [...document.querySelectorAll("[data-link]")].some((row) => !known.includes(row.dataset.link)), old);
  for (const box of boxes) await owner.page.uncheck(`#link-${box}`);
  const number = await owner.page.$$eval("[data-link]", (rows, known) => rows.map((row) => row.dataset.link).find((one) => !known.includes(one)), old);
  const row = owner.page.locator(`[data-link="${number}"]`);
  await row.locator("canvas").waitFor();
  return { row, address: await row.locator("a.mono").innerText(), pin: /PIN (\d{6})/.exec(await row.innerText())?.[1] };
}

async function axe(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, impact, nodes }) => `${where}: ${impact} ${id}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary}`);
  assert.deepEqual(found.filter((line) => /: (serious|critical) /.test(line)), []);
  for (const line of found) console.log(`  lesser: ${line.split("\n")[0]}`);
}

test("a link with a PIN: made at the owner's page, opened on a phone, ended", { skip }, async () => {
  const anna = held.owner;
  await anna.page.setViewportSize({ width: 360, height: 740 });
  const { row, address, pin } = await make(anna, here("trip"), "pin");
  assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
  const dark = await row.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, at) => at % 4 === 3 && value === 255 && data[at - 1] === 0).length / (canvas.width * canvas.height);
  });
  assert.ok(dark > 0.05, `the QR code is drawn: ${dark}`);
  await until(() => row.locator("a.mono").evaluate((link) => link.getBoundingClientRect().bottom < innerHeight), "the address shows without scrolling");
  await shot(anna.page, "owner-links");

  // The PIN: wrong, then right.
  const bob = await guest(address);
  assert.equal((await bob.page.$$("a")).length, 0, "nothing is told before the PIN");
  await shot(bob.page, "pin");
  await bob.page.fill("#pin", "wrong");
  await bob.page.click("button");
  await bob.page.waitForSelector("text=Tries left: 2");
  await bob.page.fill("#pin", pin);
  await bob.page.click("button");
  await bob.page.waitForSelector(".files");
  await shot(bob.page, "list");

  // What is there, by its name as text.
  const names = await bob.page.$$eval(".files a[download]", (links) => links.map((link) => link.innerText));
  assert.deepEqual(names, ["trip/" + HOSTILE[0], "trip/" + HOSTILE[2], "trip/film.bin", "trip/photo\\u{202e}gnp.exe", "trip/day 1/dot.png"]);
  assert.equal(await bob.page.locator(".files img, .files script").count(), 1, "the preview, and nothing that a name made");

  // A picture shows where it stands; a file comes whole, and in parts.
  assert.equal(await bob.page.$eval(".files img", (img) => img.naturalWidth), 0, "what is closed is not fetched");
  await bob.page.click("summary");
  await bob.page.waitForFunction(() => document.querySelector(".files img").naturalWidth === 3);
  await shot(bob.page, "preview");
  const saves = async (selector) => {
    const coming = bob.page.waitForEvent("download");
    await bob.page.click(selector);
    const saved = await coming;
    return [saved.suggestedFilename(), await readFile(await saved.path())];
  };
  const [name, film] = await saves('a[download]:has-text("film.bin")');
  assert.equal(name, "film.bin");
  assert.ok(film.equals(FILM));
  const part = await bob.page.evaluate(async () => {
    const link = [...document.querySelectorAll("a[download]")].find((one) => one.href.endsWith("film.bin"));
    const answer = await fetch(link.href, { headers: { Range: "bytes=200000-200009" } });
    return [answer.status, answer.headers.get("content-range"), [...new Uint8Array(await answer.arrayBuffer())]];
  });
  assert.deepEqual(part, [206, "bytes 200000-200009/300000", [...FILM.subarray(200_000, 200_010)]]);

  // All of it as one archive.
  const [zipped, archive] = await saves("a.button[download]");
  assert.equal(zipped, "trip.zip");
  const files = unzip(archive);
  assert.deepEqual([...files.keys()].sort(), [...HOSTILE, "day 1/dot.png", "film.bin"].map((file) => `trip/${file}`).sort());
  assert.ok(files.get("trip/film.bin").equals(FILM));
  assert.equal(files.get(`trip/${HOSTILE[0]}`).toString(), HOSTILE[0]);

  // Taken back: it is gone from the page, and for the guest.
  await anna.go("transfers");
  await anna.go("links");
  await row.locator("text=used: 1").waitFor();
  const other = await make(anna, here("trip/film.bin"));
  await row.locator("button:has-text('Take it back')").click();
  await anna.page.waitForFunction(() => document.querySelectorAll("[data-link]").length === 1);
  assert.equal(await anna.page.locator("[data-link] a.mono").innerText(), other.address);
  await bob.blameless();
  assert.equal((await bob.page.goto(address)).status(), 404);
  await bob.page.waitForSelector("text=may have been taken back");
  await anna.page.click("button:has-text('Take it back')");
  await anna.page.waitForSelector("text=There are no links.");
  await until(() => bob.page.goto(other.address).then(() => false, () => true), "without a link nothing listens");
  await anna.page.setViewportSize({ width: 1280, height: 800 });
  await anna.blameless();
});

test("who does not know the PIN has three tries; the words are German where the browser is", { skip }, async () => {
  const anna = held.owner;
  const { address, pin } = await make(anna, here("trip"), "pin");
  const bob = await guest(address, { locale: "de-DE" });
  assert.equal(await bob.page.evaluate(() => document.documentElement.lang), "de");
  for (const said of ["Versuche übrig: 2", "Versuche übrig: 1", "In zehn Minuten"]) {
    await bob.page.fill("#pin", "000");
    await bob.page.keyboard.press("Enter");
    await bob.page.waitForSelector(`text=${said}`);
  }
  await bob.page.goto(address);
  await bob.page.fill("#pin", pin);
  await bob.page.keyboard.press("Enter");
  await bob.page.waitForSelector("text=In zehn Minuten");
  await bob.blameless();
  const open = await make(anna, here("trip"));
  const carl = await guest(open.address, { locale: "de-DE" });
  await carl.page.waitForSelector("text=Dateien von anna");
  await carl.page.waitForSelector("text=nicht verschlüsselt");
  await shot(carl.page, "list-de");
  await carl.blameless();
  await anna.blameless();
});

const GIFTS = [
  { name: "gift one.txt", mimeType: "text/plain", buffer: Buffer.from("for anna") },
  { name: "film.bin", mimeType: "application/octet-stream", buffer: FILM },
];

test("files are handed in by an upload link once the owner says yes; by keyboard alone", { skip }, async () => {
  const anna = held.owner;
  const { address } = await make(anna, "");
  const bob = await guest(address, { hasTouch: false, isMobile: false });
  await bob.page.waitForSelector("#hand-in:not([hidden])");
  await shot(bob.page, "upload");
  // A no.
  await bob.page.setInputFiles("#files", GIFTS[0]);
  await bob.page.click("button");
  await anna.go("inbox");
  await anna.page.click('.ask:has-text("gift one.txt") button:has-text("Refuse")');
  await bob.page.waitForSelector("text=They did not take it.");
  // A yes, from Tab to Enter.
  await bob.page.evaluate(() => document.activeElement.blur());
  await tabTo(bob.page, "#name");
  await bob.page.keyboard.type("bob <b>");
  await tabTo(bob.page, "#files");
  const choosing = bob.page.waitForEvent("filechooser");
  await bob.page.keyboard.press("Space");
  await (await choosing).setFiles(GIFTS);
  await tabTo(bob.page, "button");
  await bob.page.keyboard.press("Enter");
  await bob.page.waitForSelector("text=Waiting for a yes");
  await shot(bob.page, "upload-asking");
  const ask = anna.page.locator(".ask", { hasText: "bob <b> (guest at 127.0.0.1)" });
  for (const { name } of GIFTS) await ask.locator(`text=${name}`).waitFor();
  await shot(anna.page, "owner-inbox");
  assert.ok(!existsSync(here("anna/downloads/film.bin")), "nothing is stored before the yes");
  await ask.locator(".primary").click();
  await bob.page.waitForSelector("text=Everything has arrived.");
  await shot(bob.page, "upload-done");
  for (const { name, buffer } of GIFTS) assert.ok((await readFile(here("anna/downloads", name))).equals(buffer), name);
  await bob.blameless();
  await anna.blameless();
});

test("the list by keyboard alone, and axe-core finds nothing serious on any page of guests", { skip }, async () => {
  const anna = held.owner;
  const list = await make(anna, here("trip"));
  const pin = await make(anna, here("trip"), "pin");
  const upload = await make(anna, "");
  const keyed = await guest(list.address, { hasTouch: false, isMobile: false });
  await tabTo(keyed.page, "summary");
  const ring = await keyed.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, "solid", "the focus is visible");
  await keyed.page.keyboard.press("Enter");
  await keyed.page.waitForFunction(() => document.querySelector(".files img").naturalWidth === 3);
  await tabTo(keyed.page, 'a[href$="film.bin"]');
  const coming = keyed.page.waitForEvent("download");
  await keyed.page.keyboard.press("Enter");
  assert.ok((await readFile(await (await coming).path())).equals(FILM));
  await keyed.blameless();
  for (const colorScheme of ["light", "dark"]) {
    for (const [where, address] of Object.entries({ list: list.address, pin: pin.address, upload: upload.address, gone: `${list.address.slice(0, -3)}00/` })) {
      const { page } = await guest(address, { colorScheme, bypassCSP: true });
      if (where === "list") await page.click("summary");
      await axe(page, `${where} (${colorScheme})`);
      await shot(page, `${where}-${colorScheme}`);
      await page.context().close();
    }
  }
  await anna.blameless();
});
