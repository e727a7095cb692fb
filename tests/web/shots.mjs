// Pictures of every tab, in both schemes and three widths: `node tests/web/shots.mjs FOLDER [URL]`. To look at, not a test.

import { mkdir } from "node:fs/promises";
import { Mock } from "./mock.mjs";
import { open } from "./browser.mjs";

const [folder = "shots", only = ""] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const mock = await new Mock({ offers: 100_000 }).listen();
const browser = await open();
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
