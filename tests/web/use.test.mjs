// A day of a user at the page: transfers, files, people, asks, limits, and many tabs at once.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browser, dropPaths, show, TABS, until, withPage, writeTree } from "./common.mjs";
import { PEOPLE } from "./mock-data.mjs";

const held = browser();
/** Drops files that only the page knows on an element. */
async function dropOn(page, selector, ...names) {
  const dataTransfer = await page.evaluateHandle((all) => {
    const transfer = new DataTransfer();
    for (const name of all) transfer.items.add(new File(["hello"], name));
    return transfer;
  }, names);
  for (const kind of ["dragenter", "drop"]) await page.dispatchEvent(selector, kind, { dataTransfer });
}
const rowOf = (who) => `.personrow:has([href*="${who.peer}"])`;
const wrote = (mock, start) => until(() => mock.writes.some((line) => line.startsWith(start)), start);

test("transfers go on before one's eyes, can be paused, resumed and cancelled, and nothing jumps", () =>
  withPage(held, {}, async ({ mock, page }) => {
    await page.click('[data-job="9"] .open');
    await page.waitForSelector('[data-job="9"] canvas[aria-label^="Piece map"]');
    await page.evaluate(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => (globalThis.shift += entry.value))).observe({ type: "layout-shift" });
    });
    const share = () => page.innerText('[data-job="9"] .f-share');
    const before = await share();
    await until(async () => (await share()) !== before, "progress");
    await page.waitForFunction((from) => document.querySelector('[data-job="9"] .f-share').innerText !== from, await share());
    assert.equal(await page.evaluate(() => globalThis.shift), 0, "numbers moved the page");
    const [sources] = await Promise.all([page.locator('[data-job="9"] tbody tr').count()]);
    assert.equal(sources, 3);
    await page.click('[data-job="9"] [aria-label^="Pause"]');
    await page.waitForSelector('[data-job="9"][data-state="paused"]');
    await page.click('[data-job="9"] [aria-label^="Resume"]');
    await page.waitForSelector('[data-job="9"][data-state="running"]');
    await page.click('[data-job="9"] [aria-label^="Cancel"]');
    await page.waitForSelector('[data-job="9"][data-state="cancelled"]');
    await page.click('[data-job="9"] [aria-label^="Download"]');
    await wrote(mock, "POST /downloads");
    await page.click('[aria-label="Take photo.jpg back"]');
    await wrote(mock, "DELETE /later/1");
    await page.waitForFunction(() => document.getElementById("later") === null);
  }));

test("files: folders, sorting by the node, one click to fetch, a folder of them", () =>
  withPage(held, {}, async ({ mock, page }) => {
    await show(page, "files");
    await page.click(".seg button:nth-child(2)");
    await page.waitForSelector(".folder");
    await page.click('.folder:has-text("photos")');
    await page.waitForSelector('.folder:has-text("2024")');
    await page.click('.vrow:has-text("2024") .o-do button');
    await wrote(mock, 'POST /downloads {"what":["photos/2024/"]}');
    await page.click(".seg button:nth-child(1)");
    await page.click('.o-size button');
    await page.waitForSelector('[role=columnheader][aria-sort=descending]');
    const sizes = () => page.evaluate(() => [...document.querySelectorAll(".vrow")].sort((a, b) => a.dataset.index - b.dataset.index).slice(0, 5).map((row) => row.querySelector(".o-size")?.innerText));
    await until(async () => (await sizes()).every((text) => text?.includes("MiB") || text?.includes("GiB")), "the largest first");
  }));

test("files are shared and sent from the browser; a name that is taken is told", () =>
  withPage(held, { refused: [409] }, async ({ mock, page }) => {
    await show(page, "files");
    const file = (name) => ({ name, mimeType: "text/plain", buffer: Buffer.alloc(5000, "x") });
    await page.setInputFiles(".head .primary + input", [file("a b&c=d.txt"), file("taken.txt")]);
    await wrote(mock, "POST /share?name=a+b%26c%3Dd.txt 5000");
    await page.waitForSelector('.toast.bad:has-text("taken.txt")');
    await page.waitForSelector('.toast.good:has-text("1 file is in the shared folder")');
    await show(page, "people");
    await dropOn(page, rowOf(PEOPLE[0]), "note.txt");
    await wrote(mock, "POST /staged?name=note.txt 5");
    await wrote(mock, `POST /sends {"to":["${PEOPLE[0].peer}"],"staged":["1"]}`);
    await page.waitForSelector('.toast:has-text("bob is asked")');
    assert.equal(new URL(page.url()).hash, "#transfers");
    // More than a node keeps are not begun.
    const before = mock.writes.length;
    await show(page, "people");
    await dropOn(page, rowOf(PEOPLE[0]), ...Array.from({ length: 4097 }, (_, at) => `${at}.txt`));
    await page.waitForSelector('.toast.bad:has-text("4096")');
    assert.equal(mock.writes.length, before);
  }));

test("closing the page asks first while something is on its way, and not else", () =>
  withPage(held, {}, async ({ page, load }) => {
    const asked = [];
    await page.route(/share\?name=/, () => {}); // It never comes to an end.
    await show(page, "files");
    await page.setInputFiles(".head .primary + input", [{ name: "slow.txt", mimeType: "text/plain", buffer: Buffer.from("a") }]);
    await page.click('.tab[href="#transfers"]');
    await page.waitForSelector('[aria-labelledby="handing"]');
    page.on("dialog", (dialogue) => (asked.push(dialogue.type()), dialogue.dismiss()));
    await page.close({ runBeforeUnload: true });
    await until(() => asked.length > 0, "the question");
    assert.deepEqual(asked, ["beforeunload"]);
    const other = await load();
    await other.waitForSelector(".job");
    await show(other, "files");
    const closed = other.waitForEvent("close");
    other.on("dialog", (dialogue) => (asked.push(dialogue.type()), dialogue.dismiss()));
    await other.close({ runBeforeUnload: true });
    await closed;
    assert.equal(asked.length, 1);
  }));

test("files and folders are shared by buttons, on a phone and by the keyboard, in both languages", async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true };
  const folder = await mkdtemp(join(tmpdir(), "sprat-pick-"));
  await writeTree(folder, { "trip/a.txt": "12345", "trip/deep/b.txt": "123", "c.txt": "1" });
  const [files, trip] = [["c.txt", "trip/a.txt"].map((name) => join(folder, name)), join(folder, "trip")];
  try {
    for (const [locale, ofFiles, ofFolder] of [["en-GB", "Share files", "Share a folder"], ["de-DE", "Dateien teilen", "Ordner teilen"]]) {
      await withPage(held, { context: { ...phone, locale } }, async ({ mock, page }) => {
        // Asked for before the first key, which else may be faster.
        let opened;
        page.on("filechooser", (dialogue) => opened(dialogue));
        for (const [name, chosen, wanted] of [[ofFiles, files, ["c.txt 1", "a.txt 5"]], [ofFolder, trip, ["trip/a.txt 5", "trip/deep/b.txt 3"]]]) {
          await show(page, "files");
          const button = page.getByRole("button", { name, exact: true });
          const box = await button.boundingBox();
          assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.height >= 32, `${name}: ${JSON.stringify(box)}`);
          const opening = new Promise((yes) => (opened = yes));
          await until(() => page.evaluate(() => document.activeElement.id === "main"), "the focus is where the tab puts it");
          await button.focus();
          await page.keyboard.press("Enter");
          const dialogue = await opening;
          assert.ok(dialogue.isMultiple());
          await dialogue.setFiles(chosen);
          for (const line of wanted) await wrote(mock, `POST /share?${new URLSearchParams({ name: line.split(" ")[0] })} ${line.split(" ")[1]}`);
        }
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a dropped folder keeps its structure, to a person and into the shared folder; what is not sent is taken back", () =>
  withPage(held, { refused: [409, 404] }, async ({ mock, page }) => {
    const folder = await mkdtemp(join(tmpdir(), "sprat-drop-"));
    const tree = { "trip/day 1/a&b.txt": "12345", "trip/day 1/deep/c.txt": "123", "trip/taken.txt": "1" };
    await writeTree(folder, tree);
    await mkdir(join(folder, "trip/day 2/later"), { recursive: true });
    await mkdir(join(folder, "nothing"));
    try {
      const bob = rowOf(PEOPLE[0]);
      await show(page, "people");
      await dropPaths(page, bob, [join(folder, "trip")]);
      await wrote(mock, "POST /sends ");
      const staged = mock.writes.filter((line) => line.startsWith("POST /staged")).sort();
      const name = (path, size) => `${new URLSearchParams({ name: path })} ${size}`;
      const files = Object.entries(tree).map(([path, text]) => `POST /staged?${name(path, text.length)}`);
      // A folder with nothing in it arrives with the others.
      assert.deepEqual(staged, [...files, `POST /staged?${new URLSearchParams({ name: "trip/day 2/later", folder: 1 })} 0`].sort());
      await wrote(mock, `POST /sends {"to":["${PEOPLE[0].peer}"],"staged":["1","2","3","4"]}`);

      mock.refuseSends = true;
      await show(page, "people");
      await dropPaths(page, bob, [join(folder, "trip/taken.txt")]);
      await wrote(mock, "DELETE /staged/5");
      await show(page, "people");
      await dropPaths(page, bob, [join(folder, "nothing")]);
      await page.waitForSelector('.toast.bad:has-text("There is no file in it to send")');

      await show(page, "files");
      await dropPaths(page, ".vlist", [join(folder, "trip")]);
      // In the swarm there are files alone: that is said.
      await page.waitForSelector('.toast.bad:has-text("1 empty folder is not shared")');
      await page.waitForSelector('.toast.good:has-text("2 files are in the shared folder")');
      for (const path of ["trip/day 1/a&b.txt", "trip/day 1/deep/c.txt"]) await wrote(mock, `POST /share?${name(path, tree[path].length)}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  }));

test("somebody with a new key is sent nothing before a person said that it is them", () =>
  withPage(held, {}, async ({ mock, page }) => {
    const mallory = PEOPLE.find((who) => who.key_changed);
    await show(page, "people");
    // Nor by a drop on the row, which the browser does not open either.
    await dropOn(page, rowOf(mallory), "dropped.txt");
    assert.ok(page.url().startsWith(mock.url));
    await page.click(`.person[href*="${mallory.peer}"]`);
    await page.waitForSelector(".onlyone .banner.bad");
    assert.equal(await page.locator(".personhead input[type=file]").count(), 0);
    await dropOn(page, ".onlyone", "dropped.txt");
    await page.click(".onlyone .danger");
    await page.setInputFiles(".personhead .primary + input", [{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") }]);
    await wrote(mock, `POST /sends {"to":["${mallory.peer}"],"staged":["1"],"trust_new":true}`);
    assert.ok(!mock.writes.some((line) => line.includes("dropped.txt")), mock.writes.join("\n"));
  }));

test("who is away is sent and told nothing, and who only fetches something is not shown", () =>
  withPage(held, {}, async ({ mock, page }) => {
    const [bob, carla, ...others] = PEOPLE;
    await show(page, "people");
    await page.waitForSelector(rowOf(carla));
    mock.push("peers", { peers: [{ ...carla, visiting: true }, ...others] });
    await page.waitForSelector(rowOf(carla), { state: "detached" });
    await dropOn(page, rowOf(bob), "dropped.txt");
    await page.click(`.person[href*="${bob.peer}"]`);
    await page.waitForSelector(".onlyone textarea:disabled");
    assert.equal(await page.locator(".personhead input[type=file]").count(), 0);
    await dropOn(page, ".onlyone", "dropped.txt");
    // Once he is back it is as before; what was dropped meanwhile is not sent late.
    mock.push("peers", { peers: PEOPLE });
    await page.waitForSelector(".onlyone textarea:enabled");
    await page.setInputFiles(".personhead .primary + input", [{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") }]);
    await wrote(mock, `POST /sends {"to":["${bob.peer}"],"staged":["1"]}`);
    assert.ok(!mock.writes.some((line) => line.includes("dropped.txt")), mock.writes.join("\n"));
  }));

test("somebody with a LocalSend app that asks for a PIN is told it, and nobody else is", () =>
  withPage(held, {}, async ({ mock, page }) => {
    const orange = PEOPLE.find((who) => who.unproven);
    const file = { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") };
    const sendTo = async (who, pin) => {
      await show(page, "people");
      assert.equal(await page.locator(`${rowOf(who)} .chip`).count(), who.unproven ? 1 : 0, "said to be unproven");
      await page.click(`.person[href*="${who.peer}"]`);
      await page.waitForSelector(".personhead .primary + input");
      assert.equal(await page.locator("#their-pin[maxlength='64']").count(), who.unproven ? 1 : 0);
      assert.equal(await page.locator(".onlyone .say").count(), who.unproven ? 0 : 1, "there is no chat with an app");
      if (pin) await page.getByLabel("PIN of their app").fill(pin);
      await page.setInputFiles(".personhead .primary + input", [file]);
    };
    await sendTo(orange, " 47 11 ");
    await wrote(mock, `POST /sends {"to":["${orange.peer}"],"staged":["1"],"pin":"47 11"}`);
    // It is theirs alone, and is not remembered.
    await sendTo(PEOPLE[0]);
    await wrote(mock, `POST /sends {"to":["${PEOPLE[0].peer}"],"staged":["2"]}`);
    await sendTo(orange);
    await wrote(mock, `POST /sends {"to":["${orange.peer}"],"staged":["3"]}`);
    assert.equal(mock.writes.filter((line) => line.includes('"pin"')).length, 1);
  }));

test("without a rendezvous server nobody is looked up, and the page says how to use one", () =>
  withPage(held, {}, async ({ mock, page }) => {
    await show(page, "people");
    await page.click('.head button:has-text("Find people")');
    await page.waitForSelector('.directory li:has-text("bob")');
    clearInterval(mock.timer);
    mock.push("status", { ...mock.status(), servers: [] });
    await page.waitForSelector('.directory .mono:has-text("sprat --rendezvous")');
    assert.equal(await page.locator(".directory input").count(), 0);
  }));

test("the browser is asked whether it may notify when the button is clicked, and not before", () =>
  withPage(held, {}, async ({ mock, page, load, context }) => {
    await page.close();
    await context.addInitScript(() => {
      globalThis.asked = 0;
      globalThis.Notification = class {
        static permission = "default";
        static requestPermission = async () => ((globalThis.asked += 1), "default");
      };
    });
    const fresh = await load();
    for (const tab of TABS) await show(fresh, tab);
    mock.hear(PEOPLE[0].peer, "bob", "hello");
    await fresh.waitForSelector('.badge[aria-label="1 new message"]');
    assert.equal(await fresh.evaluate(() => globalThis.asked), 0);
    await show(fresh, "settings");
    await fresh.click('[aria-describedby="notify-label"]');
    await until(() => fresh.evaluate(() => globalThis.asked === 1), "the question");
  }));

test("the browser notifies of asks and messages when that was asked for, and the page is not in sight", () =>
  withPage(held, { context: { permissions: ["notifications"] } }, async ({ mock, page }) => {
    await page.evaluate(() => {
      globalThis.notes = [];
      globalThis.Notification = class {
        static permission = "granted";
        constructor(title, { body }) {
          globalThis.notes.push(`${title}: ${body}`);
        }
      };
    });
    mock.hear(PEOPLE[0].peer, "bob", "not yet");
    await show(page, "settings");
    await page.click('[aria-describedby="notify-label"]');
    await page.waitForSelector('[aria-describedby="notify-label"][aria-pressed="true"]');
    mock.hear(PEOPLE[0].peer, "bob", "in sight");
    await page.waitForSelector('.badge[aria-label="2 new messages"]');
    await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
    mock.hear(PEOPLE[0].peer, "bob", "out of\u202e sight");
    await until(() => page.evaluate(() => globalThis.notes.length > 0), "the notification");
    assert.deepEqual(await page.evaluate(() => globalThis.notes), ["bob: out of\\u{202e} sight"]);
  }));

test("asks are accepted and refused; one without room stays; chat, limits, leaving", () =>
  withPage(held, { refused: [507] }, async ({ mock, page }) => {
    await show(page, "inbox");
    await page.click('[data-ask="2"] .primary');
    await wrote(mock, "POST /asks/2/accept {}");
    await page.click('[data-ask="3"] button:has-text("Refuse")');
    await wrote(mock, "POST /asks/3/refuse {}");
    await page.click('[data-ask="4"] .primary');
    await page.waitForSelector('.toast.bad:has-text("no space")');
    assert.equal(await page.locator(".ask").count(), 1);
    await show(page, "people");
    await page.click(`.person[href*="${PEOPLE[0].peer}"]`);
    await page.fill(".say textarea", "see you at five");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.line.mine:has-text("see you at five")');
    await show(page, "settings");
    await page.fill("#upload_limit", "many");
    await page.waitForSelector('#upload_limit[aria-invalid="true"]');
    await page.fill("#upload_limit", "1.5M");
    await page.click(".field:has(#upload_limit) button");
    await wrote(mock, 'PATCH /settings {"upload_limit":1572864}');
    await page.fill("#name", "anna at home");
    await page.click(".field:has(#name) button");
    await wrote(mock, 'PATCH /settings {"name":"anna at home"}');
    await page.fill("#quota", "2G");
    await page.click(".field:has(#quota) button");
    await wrote(mock, 'PATCH /settings {"replica_quota":2147483648}');
    await page.fill("#download_limit", "");
    await page.click(".field:has(#download_limit) button");
    await wrote(mock, 'PATCH /settings {"download_limit":null}');
    await show(page, "health");
    await page.click("#look");
    await page.waitForSelector('.banner li:has-text("<b>This</b> machine does not hear itself."):has-text("Allow UDP port 45670.")');
    await page.click("#leave + .row button");
    await page.click(".danger");
    await wrote(mock, "POST /leave {}");
  }));

test("nine tabs share one stream; when the one that holds it closes, another does", () =>
  withPage(held, {}, async ({ mock, page, load }) => {
    const pages = [page];
    for (let n = 1; n < 8; n += 1) pages.push(await load());
    for (const each of pages) await each.waitForSelector(".job");
    assert.equal(mock.opened, 1, "streams opened");
    // One that comes later is told by the others what there was, though nothing moves any more.
    clearInterval(mock.timer);
    pages.push(await load());
    await pages.at(-1).waitForSelector('.job[data-state="cancelled"]');
    assert.equal(mock.opened, 1, "streams opened");
    const told = async (text, name) => {
      mock.newJob({ kind: "download", name, size: 100 });
      for (const each of pages) if (!each.isClosed()) await each.waitForSelector(`.job:has-text("${name}")`);
    };
    await told("all nine", "heard-by-all.bin");
    await page.close();
    pages.shift();
    await until(() => mock.opened === 2 && mock.streams.size === 1, "another tab holds the stream");
    await told("all eight", "heard-by-the-rest.bin");
  }));

test("a browser without locks has a stream for each tab", () =>
  withPage(held, {}, async ({ mock, page, context }) => {
    await page.close();
    await until(() => mock.streams.size === 0, "the stream to end");
    await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    for (const many of [1, 2]) {
      const tab = await context.newPage();
      await tab.goto(mock.url);
      await tab.waitForSelector(".job");
      assert.equal(mock.streams.size, many);
    }
  }));

test("a node that goes away and comes back: the page says so, and shows how things are then", () =>
  withPage(held, { refused: ["net::ERR_INCOMPLETE_CHUNKED_ENCODING"] }, async ({ mock, page }) => {
    await page.waitForSelector(".live:not(.off):not(.late)");
    for (const stream of mock.streams) stream.destroy();
    mock.jobs.delete(9);
    await until(async () => (await page.locator('[data-job="9"]').count()) === 0, "the snapshot after the gap");
    await page.waitForSelector(".live:not(.off):not(.late)");
  }));
