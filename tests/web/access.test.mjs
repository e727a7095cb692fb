// For everyone: by keyboard alone, for screen readers (axe-core), on 360 px, in both schemes and languages.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { browser, show, TABS, until, withPage } from "./common.mjs";

const held = browser();
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

for (const colorScheme of ["light", "dark"]) {
  test(`axe-core finds nothing serious (${colorScheme})`, () =>
    withPage(held, { context: { colorScheme, bypassCSP: true } }, async ({ page }) => {
      for (const tab of TABS) {
        await show(page, tab);
        if (tab === "transfers") await page.click('[data-job="9"] .open');
        if (tab === "people") await page.click(".person");
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        const found = violations.map(({ id, impact, nodes }) => `${tab}: ${impact} ${id}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary}`);
        assert.deepEqual(found.filter((line) => /: (serious|critical) /.test(line)), []);
        for (const line of found) console.log(`  lesser: ${line.split("\n")[0]}`);
      }
    }));
}

test("nothing is wider than a phone of 360 px, in either language", async () => {
  for (const locale of ["en-GB", "de-DE"]) {
    await withPage(held, { context: { viewport: { width: 360, height: 740 }, locale, hasTouch: true, isMobile: true } }, async ({ page }) => {
      for (const tab of TABS) {
        await show(page, tab);
        if (tab === "transfers") for (const open of await page.$$(".job .open")) await open.click();
        if (tab === "people") await page.click(".person");
        const wide = await page.evaluate(() => {
          const main = document.querySelector("main");
          const list = document.querySelector(".vlist");
          const cut = [...document.querySelectorAll(".button, .chip, .tab")].filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5);
          return [document.documentElement.scrollWidth > innerWidth, main.scrollWidth > main.clientWidth, list ? list.scrollWidth > list.clientWidth : false, cut.map((node) => node.outerHTML.slice(0, 100))];
        });
        assert.deepEqual(wide, [false, false, false, []], `${tab}, ${locale}`);
      }
    });
  }
});

test("keyboard alone: skip link, tabs by arrows, search, a row by arrows, download, pause", () =>
  withPage(held, {}, async ({ mock, page }) => {
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.id);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    assert.ok((await page.locator(".skip").boundingBox()).y >= 0, "the skip link shows when it is reached");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "#transfers");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), "#files");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(ring, "solid", "the focus is visible");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".vrow .path");
    await until(async () => (await focused()) === "main", "the content takes the focus");
    await page.keyboard.press("/");
    await page.keyboard.type("harbour");
    await page.waitForFunction(() => [...document.querySelectorAll(".vrow .path")].every((node) => node.innerText.includes("harbour")));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    // Past the two ways to show them are the columns that sort, then the rows: one stop for all of them.
    for (let n = 0; n < 12 && !(await page.evaluate(() => document.activeElement.matches(".vrow"))); n += 1) await page.keyboard.press("Tab");
    const row = () => page.evaluate(() => Number(document.activeElement.dataset.index));
    assert.equal(await row(), 0);
    await page.keyboard.press("ArrowDown");
    await until(async () => (await row()) === 1, "the second row");
    await page.keyboard.press("End");
    await until(async () => (await row()) > 50, "the last row");
    await page.keyboard.press("Home");
    await until(async () => (await row()) === 0, "the first row");
    const at = await page.evaluate(() => [...document.querySelectorAll(".vrow")].findIndex((node) => node.querySelector(".o-do button")));
    for (let n = 0; n < at; n += 1) await page.keyboard.press("ArrowDown");
    await until(async () => (await row()) === at, "a row that is not here yet");
    await page.keyboard.press("Enter");
    await until(() => mock.writes.some((line) => line.startsWith("POST /downloads")), "the download");
    await page.evaluate(() => (location.hash = "#transfers"));
    await page.focus('[data-job="9"] .actions button');
    await page.keyboard.press("Space");
    await page.waitForSelector('[data-job="9"][data-state="paused"]');
    await page.focus('[data-job="9"] .open');
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-job="9"] .details canvas[role=img]');
  }));

test("German where the browser says so, and by choice", () =>
  withPage(held, { context: { locale: "de-DE" } }, async ({ page }) => {
    assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
    assert.equal(await page.innerText("h1"), "Transfers");
    await show(page, "settings");
    assert.equal(await page.innerText("h1"), "Optionen");
    await page.selectOption("#language", "en");
    await page.waitForFunction(() => document.querySelector("h1").innerText === "Settings" && document.documentElement.lang === "en");
  }));
