// What every test of the page needs: a mock node, a browser, and a page that tells what it should not have done.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { Mock } from "./mock.mjs";
import { open, watched } from "./browser.mjs";

/** A browser for the tests of one file. */
export function browser() {
  const held = {};
  before(async () => {
    held.browser = await open();
  });
  after(() => held.browser?.close());
  return held;
}

/** Runs `body({ mock, page, context, load })`; afterwards nothing may have broken the policy, thrown, or left the node's host. */
export async function withPage(held, { mock: wishes = {}, context: setup = {}, refused = [] }, body) {
  const mock = await new Mock(wishes).listen();
  const context = await held.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...setup });
  context.setDefaultTimeout(20_000);
  const harmless = await watched(context, {
    quiet: (text) => refused.some((status) => text.includes(typeof status === "number" ? `status of ${status}` : status)),
    own: ({ protocol, origin }) => protocol === "data:" || protocol === "blob:" || origin === mock.url,
    types: ["error", "warning"],
  });
  const load = async (path = "/") => {
    const page = await context.newPage();
    await page.goto(mock.url + path);
    return page;
  };
  try {
    const page = await load();
    if (wishes.signedIn !== false) await page.waitForSelector(".job");
    await body({ mock, page, context, load });
    await harmless();
  } finally {
    await context.close();
    await mock.close();
  }
}

export const TABS = ["transfers", "files", "people", "inbox", "links", "settings", "health"];

/** Goes to a tab, and waits until what it shows first is there. */
export async function show(page, tab) {
  await page.click(`.tab[href="#${tab}"]`);
  await page.waitForSelector({ transfers: ".job", files: ".vrow .path", people: ".person", inbox: ".ask", links: "#link-what", settings: "#upload_limit", health: ".tile" }[tab]);
}

/** Waits until `check` gives something true; it is asked again all the time. */
export async function until(check, what) {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    if (await check()) return;
    await new Promise((yes) => setTimeout(yes, 20));
  }
  assert.fail(`in vain waited for: ${what}`);
}

/** Drops files and folders of the disk on an element, as a person does. */
export async function dropPaths(page, selector, paths) {
  const box = await page.locator(selector).boundingBox();
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await devtools.send("Input.dispatchDragEvent", { type, ...at, data });
  await devtools.detach();
}

/** Writes `{ "a/b": "text" }` below `folder`. */
export async function writeTree(folder, tree) {
  for (const [name, text] of Object.entries(tree)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}
