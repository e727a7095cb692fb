// Real nodes for the tests: which program, how it is run, and a browser at its page.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { watched } from "./browser.mjs";
import { until } from "./common.mjs";

const built = ["release", "debug"].map((kind) => fileURLToPath(new URL(`../../target/${kind}/sprat`, import.meta.url)));
/** One that serves a page at all. */
const serves = (path) => existsSync(path) && spawnSync(path, ["--help"], { encoding: "utf8" }).stdout.includes("--web");
export const SPRAT = [process.env.SPRAT, ...built].find((path) => path && serves(path));
/** For a test's options: why it cannot run. */
export const skip = !SPRAT && "no built sprat that serves a page (SPRAT=/path/to/it)";

/** A port that is free: nodes of a test find each other by it, and nobody else on this machine does. */
export async function freePort() {
  const socket = createSocket("udp4");
  await new Promise((yes) => socket.bind(0, "127.0.0.1", yes));
  const { port } = socket.address();
  await new Promise((yes) => socket.close(yes));
  return port;
}

/** What keeps a node on this machine and away from others. */
export const alone = (port) => ["--discovery-port", String(port), "--no-mdns", "--listen", "127.0.0.1", "-t", "0"];

/** A node with a page, in `home`. */
export class Running {
  said = "";
  constructor(home, ...args) {
    this.child = spawn(SPRAT, ["serve", "--web=127.0.0.1:0", ...args, "--home", home], { env: { ...process.env, NO_COLOR: "1" } });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => (this.said += data));
    this.ended = new Promise((yes) => this.child.on("close", yes));
  }
  /** The address of its page, with the code that opens it once. */
  async address() {
    const pattern = /http:\/\/127\.0\.0\.1:\d+\/#code=[0-9a-f]{32}/;
    await until(() => pattern.test(this.said), `the address of the page; it said: ${this.said.slice(-2000)}`);
    return pattern.exec(this.said)[0];
  }
  async end() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(late);
  }
}

/** The end of a node breaks its stream of events off: the console tells of it. */
const LEFT = /ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET)/;

/** Beside a file in a tab of its own the browser looks for an icon; the file's sandbox keeps it from that. */
const icon = (text, url) => text.includes("ERR_BLOCKED_BY_RESPONSE.NotSameOrigin") && new URL(url).pathname === "/favicon.ico";

/** A browser of its own at a node's page. `blameless()` at the end: nothing broke the policy, threw, or left the node's host. */
export async function visit(browser, node, setup = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...setup });
  context.setDefaultTimeout(45_000);
  const own = (url) => url.hostname === "127.0.0.1" || ["data:", "blob:"].includes(url.protocol);
  const blameless = await watched(context, { quiet: (text, url) => LEFT.test(text) || icon(text, url), own });
  const page = await context.newPage();
  const address = await node.address();
  await page.goto(address);
  await page.waitForSelector(".live:not(.late):not(.off)");
  assert.ok(!page.url().includes("code="), "the code is gone from the address");
  return { page, blameless, go: (tab) => page.click(`.tab[href="#${tab}"]`) };
}

/** Goes by Tab until `selector` has the focus. */
export async function tabTo(page, selector) {
  for (let n = 0; n < 100; n += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab never came to ${selector}`);
}
