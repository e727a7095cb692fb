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
  assert.deepEqual(asked, files.filter((file) => file.endsWith(".js")).map((file) => file.slice(ASSETS.length)).sort());
});

test("no file of the page sets HTML from a string, writes a style attribute or names another host", () => {
  for (const [file, source] of text) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/, file);
    assert.doesNotMatch(source, /style="/, file);
    assert.doesNotMatch(source.replaceAll("http://www.w3.org/2000/svg", ""), /https?:\/\//, file);
    assert.ok(source.split("\n").length <= 300, `${file} is longer than 300 lines`);
  }
});
