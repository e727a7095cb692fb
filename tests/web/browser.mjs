// The browser of the tests: Debian's Chromium, which speaks to nobody but the page.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executablePath = PLACES.find((place) => place && existsSync(place));

export const open = () =>
  chromium.launch({
    executablePath,
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

/**
 * Watches every page of a context, before there is one. `quiet(text, url)`: words of the console that have to come, and what they are of; `own(url)`: where requests may go.
 * Gives what fails if a page broke the policy, ran a stranger's word, threw, or asked another host.
 */
export async function watched(context, { quiet, own, types = ["error"] }) {
  const faults = [];
  context.on("page", (page) => {
    page.on("pageerror", (error) => faults.push(error.stack));
    page.on("console", (message) => types.includes(message.type()) && !quiet(message.text(), message.location().url) && faults.push(message.text()));
    page.on("request", (request) => own(new URL(request.url())) || faults.push(`asked another host: ${request.url()}`));
  });
  await context.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  return async () => {
    for (const page of context.pages()) {
      assert.deepEqual(await page.evaluate(() => globalThis.violations), [], "policy");
      assert.equal(await page.evaluate(() => globalThis.pwned), undefined, "a stranger's word ran");
    }
    assert.deepEqual(faults, []);
  };
}
