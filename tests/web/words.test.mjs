// Without a browser: the table of words is whole, the libraries are those that are recorded, no file brings in another host.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ASSETS = fileURLToPath(new URL("../../src/web/assets/", import.meta.url));
const files = (await readdir(ASSETS, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const own = files.filter((file) => /\.(js|css|html)$/.test(file) && !file.includes("/vendor/"));
const text = new Map(await Promise.all(own.map(async (file) => [file, await readFile(file, "utf8")])));

test("every word that the page asks for stands in the table, in both languages", async () => {
  const { MORE } = await import(join(ASSETS, "js/words-more.js"));
  const { WORDS } = await import(join(ASSETS, "js/words.js"));
  assert.ok(Object.keys(MORE).length > 50);
  const keys = Object.keys(WORDS);
  for (const [key, row] of Object.entries(WORDS)) {
    assert.ok(row.en && row.de, `${key} lacks a language`);
    const holes = (sentence) => [...sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort().join();
    assert.equal(holes(row.en), holes(row.de), `${key} has other holes in German`);
  }
  const known = (key) => keys.includes(key) || keys.includes(`${key}.other`);
  for (const [file, source] of text) {
    for (const [, key] of source.matchAll(/\b(?:t|parts)\("([^"]+)"/g)) assert.ok(known(key), `${file}: ${key}`);
    // `state.${…}`: at least something begins so.
    for (const [, start] of source.matchAll(/\b(?:t|parts)\(`([^`$]+)\$\{/g)) assert.ok(keys.some((key) => key.startsWith(start)), `${file}: ${start}…`);
  }
});

test("the page of a server has its words in both languages, and asks for each of its modules at once", async () => {
  const folder = fileURLToPath(new URL("../../src/web/rendezvous/assets/", import.meta.url));
  const { WORDS } = await import(join(folder, "words.js"));
  for (const [key, row] of Object.entries(WORDS)) assert.ok(row.en && row.de, `${key} lacks a language`);
  const known = (key) => key in WORDS || `${key}.other` in WORDS;
  const page = await readFile(join(folder, "index.html"), "utf8");
  const asked = new Set([...page.matchAll(/(?:modulepreload" href|script type="module" src)="\/([^"]+)"/g)].map((match) => match[1]));
  for (const name of ["server.js", "join.js", "owner.js"]) {
    const source = await readFile(join(folder, name), "utf8");
    for (const [, key] of source.matchAll(/\b(?:t|parts)\("([^"]+)"/g)) assert.ok(known(key), `${name}: ${key}`);
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|style="/, name);
    assert.ok(asked.has(`js/${name}`), name);
    for (const [, taken] of source.matchAll(/ from "\.\/([^"]+)"/g)) assert.ok(asked.has(`js/${taken}`), `${name}: ${taken}`);
  }
});

test("the libraries are those that the README of vendor/ records", async () => {
  const readme = await readFile(join(ASSETS, "vendor/README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| `([\w-]+\.js)` .*\| `([0-9a-f]{64})` \|$/gm)];
  const here = files.filter((file) => /\/vendor\/[^/]+\.js$/.test(file));
  assert.equal(rows.length, here.length);
  for (const [, name, sum] of rows) {
    const bytes = await readFile(join(ASSETS, "vendor", name));
    assert.equal(createHash("sha256").update(bytes).digest("hex"), sum, name);
  }
});

test("every module is asked for at once, not only when another names it", async () => {
  const page = await readFile(join(ASSETS, "index.html"), "utf8");
  const asked = [...page.matchAll(/(?:modulepreload" href|script type="module" src)="\/([^"]+)"/g)].map((match) => match[1]).sort();
  assert.deepEqual(asked, files.filter((file) => file.endsWith(".js") && !file.includes("/assets/guest/")).map((file) => file.slice(ASSETS.length)).sort());
});

test("no file of the page sets HTML from a string, writes a style attribute or names another host", () => {
  for (const [file, source] of text) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/, file);
    assert.doesNotMatch(source, /style="/, file);
    assert.doesNotMatch(source.replaceAll("http://www.w3.org/2000/svg", ""), /https?:\/\//, file);
    assert.ok(source.split("\n").length <= 300, `${file} is longer than 300 lines`);
  }
});

/** The literal parts of each html`…` in a source: what stands in `${…}` is left out, templates inside that come by themselves. */
function templates(source) {
  const found = [];
  /** Reads on from `at`; a template (or else code, up to its closing brace). Gives where it ended. */
  const template = (at, out) => {
    while (at < source.length && source[at] !== "`") {
      if (source[at] === "\\") (out?.push(source.slice(at, at + 2)), (at += 2));
      else if (source.startsWith("${", at)) (out?.push("\u0000"), (at = code(at + 2)));
      else out?.push(source[at++]) ?? at++;
    }
    return at + 1;
  };
  const code = (at) => {
    let depth = 0;
    while (at < source.length) {
      if (source[at] === "}" && depth-- === 0) return at + 1;
      if (source[at] === "{") depth += 1;
      if (source.startsWith("//", at)) at = source.indexOf("\n", at);
      else if (source[at] === '"') at = source.indexOf('"', at + 1) + 1;
      else if (source[at] === "`") {
        const out = source.slice(at - 4, at) === "html" ? [] : null;
        at = template(at + 1, out);
        if (out) found.push(out.join(""));
      } else at += 1;
    }
    return at;
  };
  code(0);
  return found;
}

test("no word of the page stands outside the table", async () => {
  const word = /\p{L}{2,}/u;
  /** The same in every language. */
  const same = new Set(["sprat", "ms", "home"]);
  let texts = 0;
  for (const [file, source] of text) {
    if (!file.endsWith(".js") || /words(-\w+)?\.js$/.test(file)) continue;
    for (const whole of templates(source)) {
      // Commands are no words.
      const markup = whole.replace(/<(code|p class="mono")>[^<]*</g, "<");
      const told = [
        ...[...markup.matchAll(/>([^<>]*)</g)].map((match) => match[1]),
        ...[...markup.matchAll(/\b(?:aria-label|title|placeholder|alt)="([^"]*)"/g)].map((match) => match[1]),
        /[<>]/.test(markup) ? "" : markup,
      ];
      texts += told.length;
      for (const one of told) for (const piece of one.split(/[^\p{L}]+/u)) assert.ok(!word.test(piece) || same.has(piece), `${file}: “${one.replaceAll("\u0000", "…").trim()}” stands outside the table`);
    }
  }
  assert.ok(texts > 300, `only ${texts} texts were found`);
});

test("the browser is asked for notifications by a click alone", () => {
  const asking = [...text].filter(([, source]) => source.includes("requestPermission"));
  assert.deepEqual(asking.map(([file]) => file.slice(ASSETS.length)), ["js/notify.js"]);
  const [[, source]] = asking;
  assert.equal(source.match(/requestPermission/g).length, 1);
  assert.match(source, /function setNotifying\(on\) \{\s*if \([^\n]*requestPermission\(\)/);
  // Who calls that: a button.
  for (const [file, other] of text) for (const [line] of other.matchAll(/^.*\bsetNotifying\(.*$/gm)) assert.match(line, file.endsWith("notify.js") ? /export async function/ : /onClick=\$\{\(\) => setNotifying/, file);
});
