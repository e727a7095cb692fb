// What the swarm offers, a page at a time, as the node sorts and searches it. 100,000 offers are never here at once.
// Invariant: rows of an older question never replace those of a newer one; a row that was shown stays until its
// replacement is here, so the list does not flicker while somebody types.

import { signal } from "./lib.js";
import { get, query } from "./api.js";

const PAGE = 100;
const KEPT = 40;
// After an answer that something has changed since.
const AGAIN = 1000;

export class Offers {
  /** Grows with each change of what follows. */
  version = signal(0);
  total = 0;
  folders = [];
  gaps = null;
  error = null;
  /** Whether an answer to the newest question is still missing. */
  busy = true;
  #pages = new Map();
  #asked = new Set();
  #old = null;
  #question = null;
  #abort = new AbortController();
  #range = [0, PAGE];
  #again = null;

  /** Another question: { q, folder, sort, desc }. What is shown stays until the first answer is here. */
  ask(question) {
    this.#question = question;
    this.#abort.abort();
    this.#abort = new AbortController();
    if (this.#pages.size > 0) this.#old = this.#pages;
    this.#pages = new Map();
    this.#asked.clear();
    this.busy = true;
    // A key does not wait for what changed in the last seconds.
    this.#load(0, { soon: 1 });
  }

  /** The same question again, because what is offered changed: each page in sight is replaced when its answer is here. */
  refresh() {
    if (!this.#question || this.busy) return;
    const [first, last] = this.#range;
    const from = Math.floor(first / PAGE);
    const to = Math.floor(Math.max(first, last - 1) / PAGE);
    for (const page of this.#pages.keys()) if (page < from || page > to) this.#pages.delete(page);
    this.#asked.clear();
    for (let page = from; page <= to; page += 1) this.#load(page);
  }

  /** What is in sight, as indexes of offers (folders not counted). */
  need(first, last) {
    this.#range = [Math.max(0, first), Math.max(0, last)];
    if (this.busy) return;
    const to = Math.floor(Math.max(0, Math.min(this.total, last) - 1) / PAGE);
    for (let page = Math.floor(Math.max(0, first) / PAGE); page <= to; page += 1) {
      if (!this.#pages.has(page)) this.#load(page);
    }
  }

  /** The offer at `index`, or undefined while it is on its way. */
  at(index) {
    const page = Math.floor(index / PAGE);
    return (this.#pages.get(page) ?? (this.busy ? this.#old?.get(page) : undefined))?.[index % PAGE];
  }

  async #load(page, how = {}) {
    if (this.#asked.has(page)) return;
    this.#asked.add(page);
    const { signal: stop } = this.#abort;
    const question = this.#question;
    try {
      const got = await get(`/offers${query({ ...question, offset: page * PAGE, limit: PAGE, ...how })}`, stop);
      if (stop.aborted) return;
      this.#take(page, got);
      if (got.stale) {
        clearTimeout(this.#again);
        this.#again = setTimeout(() => this.refresh(), AGAIN);
      }
    } catch (error) {
      if (error.name === "AbortError" || stop.aborted) return;
      this.#asked.delete(page);
      this.busy = false;
      this.error = error;
    }
    this.version.value += 1;
  }

  #take(page, got) {
    this.error = null;
    this.total = got.total;
    if (page === 0) {
      this.folders = got.folders ?? [];
      this.gaps = got.gaps ?? null;
    }
    this.#pages.set(page, got.offers);
    this.#asked.delete(page);
    if (this.#pages.size > KEPT) {
      const [first] = this.#range;
      const far = [...this.#pages.keys()].sort((a, b) => Math.abs(b - first / PAGE) - Math.abs(a - first / PAGE))[0];
      this.#pages.delete(far);
    }
    if (this.busy) {
      this.busy = false;
      this.#old = null;
      this.need(...this.#range);
    }
  }
}
