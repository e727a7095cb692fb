// Pictures of every tab, in both schemes and three widths: `node tests/web/shots.mjs FOLDER [TAB,TAB]`. To look at, not a test.
// `node tests/web/shots.mjs FOLDER readme` makes the one of the README.

import { mkdir } from "node:fs/promises";
import { Mock } from "./mock.mjs";
import { open } from "./browser.mjs";

const [folder = "shots", only = ""] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const mock = await new Mock({ offers: 100_000 }).listen();
const browser = await open();
/** Some minutes go by in a moment, so that the curves have a past. */
async function readme() {
  const page = await browser.newPage({ viewport: { width: 1180, height: 760 }, colorScheme: "light", locale: "en-GB", deviceScaleFactor: 1 });
  clearInterval(mock.timer);
  mock.jobs.delete(3);
  Object.assign(mock.jobs.get(9), { size: 60 * 2 ** 30, done: 2 ** 30 });
  Object.assign(mock.jobs.get(8), { size: 9 * 2 ** 30 });
  Object.assign(mock.jobs.get(7), { size: 9 * 2 ** 30 });
  await page.clock.install();
  await page.goto(mock.url);
  await page.waitForSelector(".job");
  await page.click("[data-job='9'] .open");
  for (let n = 0; n < 240; n += 1) {
    mock.tick(1);
    await page.clock.runFor(1000);
  }
  await page.waitForSelector("[data-job='9'] canvas[aria-label^='Piece map']");
  await page.screenshot({ path: `${folder}/page.png` });
}
if (only === "readme") {
  await readme();
  await browser.close();
  await mock.close();
  process.exit();
}
for (const scheme of ["light", "dark"]) {
  for (const width of [360, 800, 1400]) {
    const context = await browser.newContext({ viewport: { width, height: width === 360 ? 740 : 860 }, colorScheme: scheme, locale: width === 800 ? "de-DE" : "en-GB" });
    const page = await context.newPage();
    page.on("console", (message) => console.log(`${scheme} ${width}: ${message.text()}`));
    page.on("pageerror", (error) => console.log(`${scheme} ${width}: ${error.stack}`));
    await page.goto(mock.url);
    await page.waitForSelector(".job");
    for (const tab of ["transfers", "files", "people", "inbox", "settings", "health"]) {
      if (only && !only.split(",").includes(tab)) continue;
      await page.click(`.tab[href="#${tab}"]`);
      if (tab === "transfers") await page.click("[data-job='9'] .open");
      if (tab === "people") await page.click(".person");
      await page.waitForTimeout(tab === "transfers" ? 2500 : 400);
      await page.screenshot({ path: `${folder}/${tab}-${width}-${scheme}.png` });
    }
    await context.close();
  }
}
await browser.close();
await mock.close();
