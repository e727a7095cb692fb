// What strangers named is text and nothing else: it runs nothing, styles nothing, reorders nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, show, TABS, until, withPage } from "./common.mjs";
import { HOSTILE, PEOPLE } from "./mock-data.mjs";

const held = browser();
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;

test("hostile names of files, people, chat and log are inert in every tab", () =>
  withPage(held, {}, async ({ mock, page }) => {
    for (const tab of TABS) {
      await show(page, tab);
      if (tab === "transfers") for (const open of await page.$$(".job .open")) await open.click();
      if (tab === "people") {
        for (const person of await page.$$(".person")) await person.click();
        await page.click(`.person[href*="${PEOPLE[0].peer}"]`);
        await page.waitForSelector(".line");
      }
      const shown = await page.evaluate(() => ({
        text: document.body.innerText,
        attributes: [...document.querySelectorAll("*")].flatMap((node) => [...node.attributes].map((one) => `${one.name}=${one.value}`)),
        foreign: document.querySelectorAll("main img, main script, main b, main iframe, main object, main style").length,
        handlers: [...document.querySelectorAll("*")].filter((node) => [...node.attributes].some((one) => one.name.startsWith("on"))).length,
        links: [...document.querySelectorAll("a[href]")].map((node) => node.getAttribute("href")).filter((href) => !href.startsWith("#")),
      }));
      assert.doesNotMatch(shown.text, HIDDEN, `${tab}: something hidden in the text`);
      for (const one of shown.attributes) assert.doesNotMatch(one, HIDDEN, `${tab}: something hidden in an attribute`);
      assert.deepEqual([shown.foreign, shown.handlers, shown.links], [0, 0, []], tab);
      if (tab === "transfers" || tab === "inbox") assert.ok(shown.text.includes(HOSTILE[0]), `${tab}: the name itself is shown`);
    }
    assert.ok(mock.writes.length === 0, "looking changed nothing");
  }));

test("news as they come, toasts and titles are inert, too", () =>
  withPage(held, { refused: [507] }, async ({ mock, page }) => {
    await show(page, "files");
    await page.fill("input[type=search]", "onerror");
    await page.waitForFunction(() => document.querySelectorAll(".vrow .path").length === 1);
    await page.click(".vrow .o-do button");
    await page.waitForSelector(".toast");
    await page.click('.tab[href="#inbox"]');
    await page.click('[data-ask="4"] .primary');
    await page.locator(".toast.bad", { hasText: "no space for photo\\u{202e}gnp.exe" }).waitFor();
    await page.click('.tab[href="#files"]');
    for (const event of ["ask", "gone", "received", "dropped", "samekey", "notice", "constructor", "__proto__"]) {
      mock.push("news", { event, from: HOSTILE[0], name: HOSTILE[1], peer: HOSTILE[2], why: HOSTILE[1], address: HOSTILE[1], text: HOSTILE[1], error: HOSTILE[1], ask: 9 });
      if (event === "samekey") await page.waitForSelector('.toast:has-text("its home is a copy")');
    }
    assert.doesNotMatch(await page.innerText(".toasts"), HIDDEN);
    // However many come, five are shown.
    for (let n = 0; n < 20; n += 1) mock.push("news", { event: "samekey", peer: `${n}`, address: `192.0.2.${n}:4001` });
    await page.waitForSelector('.toast:has-text("192.0.2.19")');
    assert.equal(await page.locator(".toast").count(), 5);
    for (const text of HOSTILE) mock.hear(PEOPLE[1].peer, text, text);
    mock.note("WARN", HOSTILE[2]);
    await page.waitForSelector(`.badge[aria-label="${HOSTILE.length} new messages"]`);
    await show(page, "people");
    await page.click(`.person[href*="${PEOPLE[1].peer}"]`);
    mock.hear(PEOPLE[1].peer, "carla", HOSTILE[1]);
    await page.waitForFunction((many) => document.querySelectorAll(".line").length === many, HOSTILE.length + 1);
    assert.ok((await page.innerText(".line:last-child")).includes("\\u{202e}"));
    assert.equal(await page.locator("main .lines img, main .lines script").count(), 0);
  }));

test("answers of odd shapes break nothing", () =>
  withPage(held, { refused: [404] }, async ({ mock, page }) => {
    mock.push("job", { job: 50, kind: "download", state: "running", name: { toString: 1, __html: "<img>" }, done: 5, size: 0, files: 1, files_done: 0, rate: 1e300, eta: -4, sources: [], started: 1e20, ended: null, pausable: true });
    mock.push("later-added", { x: 1 });
    mock.push("news", { event: "unheard-of" });
    await until(() => page.locator('[data-job="50"]').count(), "the job of an odd shape");
    await page.click('[data-job="50"] .open');
  }));

test("without a session the page says how to open it; a code is used once and leaves the address", () =>
  withPage(held, { mock: { signedIn: false }, refused: [401] }, async ({ mock, page, load }) => {
    await page.waitForSelector(".locked");
    assert.ok((await page.innerText(".locked")).includes("sprat web"));
    const signed = await load("/#code=0123456789abcdef0123456789abcdef");
    await signed.waitForSelector(".job");
    assert.equal(new URL(signed.url()).hash, "#transfers");
    assert.deepEqual(mock.writes, ['POST /session {"code":"0123456789abcdef0123456789abcdef"}']);
  }));
