// The page of a real rendezvous server, and two real nodes: from the first open at the server to a name that the other
// node finds. SPRAT=/path/to/sprat says which program; without one this is left out.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { open, watched } from "./browser.mjs";
import { until } from "./common.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const built = ["release", "debug"].map((kind) => fileURLToPath(new URL(`../../target/${kind}/sprat`, import.meta.url)));
/** One whose servers have a page at all. */
const serves = (path) => existsSync(path) && spawnSync(path, ["rendezvous", "--help"], { encoding: "utf8" }).stdout.includes("--web-host");
const SPRAT = [process.env.SPRAT, ...built].find((path) => path && serves(path));
const skip = !SPRAT && "no built sprat whose servers have a page (SPRAT=/path/to/it)";
const HOSTILE = ["<img src=x onerror=\"globalThis.pwned=1\">", "a\u202egnp.exe", "'; touch pwned; '", "-x $(id)", "a&server=evil.example:1#files"];
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;

class Running {
  said = "";
  constructor(home, ...args) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("SPRAT_")));
    this.child = spawn(SPRAT, ["--home", home, "--listen", "127.0.0.1", ...args], { env: { ...env, NO_COLOR: "1" } });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => (this.said += data));
    this.ended = new Promise((yes) => this.child.on("close", yes));
  }
  async hears(pattern) {
    await until(() => pattern.test(this.said), `${pattern}; it said: ${this.said.slice(-2000)}`);
    return pattern.exec(this.said);
  }
  async end() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(late);
  }
}

const held = {};
before(async () => {
  if (!SPRAT) return;
  held.folder = await mkdtemp(join(tmpdir(), "sprat-server-"));
  const home = (who) => join(held.folder, who);
  for (const who of ["server", "anna", "bob"]) await mkdir(home(who));
  held.server = new Running(home("server"), "rendezvous", "--port", "0", "--web", "127.0.0.1:0");
  held.url = (await held.server.hears(/page: (http:\/\/127\.0\.0\.1:\d+\/)/))[1];
  held.address = (await held.server.hears(/join with: sprat --rendezvous (\S+)/))[1];
  const node = (who) => new Running(home(who), "--discovery-port", "0", "--no-mdns", "-t", "0", "--name", who, "--rendezvous", held.address, "serve", "--web=127.0.0.1:0");
  [held.anna, held.bob] = [node("anna"), node("bob")];
  for (const who of ["anna", "bob"]) held[`${who}Page`] = (await held[who].hears(/http:\/\/127\.0\.0\.1:\d+\/#code=[0-9a-f]{32}/))[0];
  held.browser = await open();
});
after(async () => {
  await held.browser?.close();
  for (const who of ["anna", "bob", "server"]) await held[who]?.end();
  if (held.folder) await rm(held.folder, { recursive: true, force: true });
});

/** A browser of its own; afterwards nothing may have broken the policy, thrown, or left these hosts. */
async function visit(setup, body) {
  const context = await held.browser.newContext({ viewport: { width: 1100, height: 900 }, locale: "en-GB", ...setup });
  context.setDefaultTimeout(30_000);
  const harmless = await watched(context, { quiet: (text) => /status of (400|401|429)/.test(text), own: (url) => url.hostname === "127.0.0.1" });
  try {
    const page = await context.newPage();
    await page.goto(held.url);
    await page.waitForSelector(".here");
    await body({ page, context });
    await harmless();
  } finally {
    await context.close();
  }
}

const check = async (page, name) => {
  await page.fill("#name", name);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".answer > *");
};

test("a name goes from the server's page by the node's own to another node that finds it", { skip }, () =>
  visit({}, async ({ page, context }) => {
    await page.waitForFunction(() => document.querySelector(".here")?.textContent.startsWith("2 nodes"));
    assert.ok((await page.innerText("main")).includes(`sprat --rendezvous ${held.address}`));
    assert.ok(await page.locator("svg.qr path").getAttribute("d"));
    await check(page, "anna o'b");
    assert.ok((await page.innerText(".answer")).includes("is free now"));
    assert.ok((await page.innerText(".answer")).includes(`sprat signup --rendezvous ${held.address} 'anna o'\\''b'`));
    const port = new URL(held.annaPage).port;
    await page.fill(".port", port);
    // Before the browser has a session with the node, its page says what to do.
    const [locked] = await Promise.all([context.waitForEvent("page"), page.click("#tonode")]);
    await locked.waitForSelector(".locked");
    assert.ok((await locked.innerText(".locked")).includes("open it once more"));
    const signed = await context.newPage();
    await signed.goto(held.annaPage);
    await signed.waitForSelector(".live:not(.late):not(.off)");
    const [wish] = await Promise.all([context.waitForEvent("page"), page.click("#tonode")]);
    const confirm = wish.locator(".wish button.primary:not([disabled])");
    await confirm.waitFor();
    assert.equal(await wish.inputValue(".wish input"), "anna o'b");
    // The link alone changed nothing.
    await check(page, "anna o'b");
    assert.ok((await page.innerText(".answer")).includes("free"));
    await confirm.click();
    await wish.waitForSelector(".toast.good");
    await wish.waitForSelector('.directory .name:has-text("anna o\'b")');
    await check(page, "ANNA O'B");
    await page.waitForSelector(".answer .chip.bad");
    // The other node, which is in the same swarm, finds it.
    const bob = await context.newPage();
    await bob.goto(held.bobPage);
    await bob.waitForSelector(".live:not(.late):not(.off)");
    const [find] = await Promise.all([context.waitForEvent("page"), page.fill(".port", new URL(held.bobPage).port).then(() => page.click("text=Search with my node"))]);
    await find.waitForSelector('.directory .name:has-text("anna o\'b")');
    // A link to a server that the node does not use signs nothing, nor does one without a server.
    const origin = new URL(held.bobPage).origin;
    const key = held.address.split("/")[1];
    for (const server of [`evil.example:1/${"1".repeat(52)}`, "evil.example", "", `$(id)/${key}`]) {
      const odd = await context.newPage();
      await odd.goto(`${origin}/#people/signup?${new URLSearchParams({ name: "<img src=x onerror=\"globalThis.pwned=1\">", server })}`);
      await odd.waitForSelector(".wish .banner");
      assert.equal(await odd.locator(".wish form, .wish img").count(), 0, server);
    }
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "server.png"), fullPage: true });
  }));

test("names that mean ill are text, and a link fills in only what it says", { skip }, () =>
  visit({}, async ({ page }) => {
    for (const name of HOSTILE) {
      await check(page, name);
      assert.doesNotMatch(await page.innerText("main"), HIDDEN);
      const link = new URL(await page.getAttribute("#tonode", "href"));
      const asked = new URLSearchParams(link.hash.split(/\?(.*)/s)[1]);
      assert.deepEqual([link.hostname, asked.get("name"), asked.get("server")], ["127.0.0.1", name, held.address]);
      assert.equal(await page.locator("main img, main script").count(), 0);
    }
    const command = await page.locator(".answer code").innerText();
    assert.ok(command.includes("'a&server=evil.example:1#files'"), command);
  }));

test("its owner sees what goes on with the token, and nobody without", { skip }, () =>
  visit({}, async ({ page }) => {
    await page.click("summary");
    await page.fill("details input", "wrong");
    await page.keyboard.press("Enter");
    await page.waitForSelector('details .bad:has-text("not the token")');
    assert.equal(await page.locator("details table").count(), 0);
    await page.fill("details input", (await readFile(join(held.folder, "server/.sprat/api.token"), "utf8")).trim());
    await page.keyboard.press("Enter");
    await page.waitForSelector('tr:has-text("Circuits") td:has-text("256")');
    await page.waitForFunction(() => [...document.querySelectorAll("tr")].some((row) => /^Registrations\s+[1-9]/.test(row.innerText)));
  }));

test("it can be used by keyboard at 360 px, in German, dark, and axe finds nothing serious", { skip }, async () => {
  for (const colorScheme of ["light", "dark"]) {
    // What axe-core brings with it breaks the policy: the other tests are for that.
    await visit({ bypassCSP: true, viewport: { width: 360, height: 740 }, locale: "de-DE", colorScheme }, async ({ page }) => {
      assert.equal(await page.innerText("h1"), "Rendezvous-Server");
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, "nothing is wider than the screen");
      await page.click("h1");
      const reached = [];
      for (let n = 0; n < 30 && !reached.includes("name"); n += 1) {
        await page.keyboard.press("Tab");
        reached.push(await page.evaluate(() => document.activeElement.id));
      }
      await page.keyboard.type(`karl-${colorScheme}`);
      await page.keyboard.press("Enter");
      await page.waitForSelector("#tonode");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.id), "tonode");
      await page.click("summary");
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
      if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `server-${colorScheme}.png`), fullPage: true });
      await page.evaluate(await readFile(AXE, "utf8"));
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
      assert.deepEqual(serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`), []);
    });
  }
});
