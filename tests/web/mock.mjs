// A node that is none: answers the page as the local API would, with data that moves. For the page's tests, and to look
// at it: `node tests/web/mock.mjs [PORT]`. The page's policy is the server's own, so what breaks there breaks here.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { HOSTILE, ME, PEOPLE, makeAsks, makeChat, makeJobs, makeOffers, random } from "./mock-data.mjs";

const ASSETS = fileURLToPath(new URL("../../src/web/assets/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml" };
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const SAFE = { "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin" };

const sorters = { name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0), size: (a, b) => a.size - b.size, time: (a, b) => a.mtime - b.mtime, holders: (a, b) => a.holders - b.holders, copies: (a, b) => a.copies - b.copies };
class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

export class Mock {
  streams = new Set();
  /** Every request that writes, as "POST /asks/2/accept {…}": the tests look at it. */
  writes = [];
  eventId = 0;
  settings = { name: ME.name, home: "/home/anna/sprat", upload_limit: null, download_limit: 20 * 2 ** 20, replica_quota: 10 ** 9, accepting: "person", version: "0.1.0" };
  log = [];
  staged = 0;

  constructor({ offers = 2000, signedIn = true, lively = true } = {}) {
    Object.assign(this, { signedIn, lively });
    this.offers = makeOffers(offers).sort(sorters.name);
    // One text of all names, in their order: 100,000 of them are searched in a moment.
    this.names = `\n${this.offers.map((offer) => offer.name.replaceAll("\n", " ").toLowerCase()).join("\n")}\n`;
    this.starts = [];
    for (let at = this.names.indexOf("\n"); at < this.names.length - 1; at = this.names.indexOf("\n", at + 1)) this.starts.push(at);
    this.jobs = new Map(makeJobs().map((job) => [job.job, job]));
    this.asks = makeAsks();
    this.chats = new Map(PEOPLE.map((who) => [who.peer, who === PEOPLE[0] ? makeChat() : []]));
    this.later = [{ later: 1, to: "gregor", peer: PEOPLE[3].peer, name: "photo.jpg", files: ["/x/photo.jpg"], since: 1764300000 }];
    this.totals = { received: 8.4e9, sent: 3.1e9 };
    this.revision = 17;
    for (const text of ["listening on 192.0.2.7:4001", "bob joined", `offered: ${HOSTILE[0]}`]) this.note("INFO", text);
    this.note("WARN", "the router does not answer PCP or NAT-PMP");
  }

  async listen(port = 0) {
    this.server = createServer((request, response) => this.answer(request, response));
    await new Promise((yes) => this.server.listen(port, "127.0.0.1", yes));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    if (this.lively) this.timer = setInterval(() => this.tick(0.5), 500);
    return this;
  }

  async close() {
    clearInterval(this.timer);
    for (const stream of this.streams) stream.end();
    this.server.closeAllConnections();
    await new Promise((yes) => this.server.close(yes));
  }

  note(level, text) {
    const line = { n: this.log.length + 1, time: Math.floor(Date.now() / 1000), level, text };
    this.log.push(line);
    this.push("log", line);
  }

  push(name, data) {
    this.eventId += 1;
    for (const stream of this.streams) stream.write(`id: ${this.eventId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Somebody says something. */
  hear(peer, from, text) {
    const time = Math.floor(Date.now() / 1000);
    this.chats.get(peer).push({ time, mine: false, text });
    this.push("news", { event: "message", from, peer, text, time });
  }

  /** So many seconds go by: what runs goes on. */
  tick(seconds) {
    for (const job of this.jobs.values()) {
      if (job.state !== "running") continue;
      let rate = 0;
      for (const source of job.sources) {
        source.rate = Math.round(source.rate * (0.9 + random() * 0.2)) || 1e6;
        source.bytes += Math.round(source.rate * seconds);
        rate += source.rate;
      }
      if (job.kind === "send") rate = 6e6 + random() * 2e6;
      job.rate = Math.round(rate);
      job.done = Math.min(job.size, job.done + Math.round(rate * seconds));
      job.eta = rate > 0 ? Math.ceil((job.size - job.done) / rate) : null;
      if (job.to) job.to[0].done = job.done;
      this.totals[job.kind === "send" ? "sent" : "received"] += rate * seconds;
      if (job.done >= job.size) Object.assign(job, { state: "done", rate: 0, eta: null, files_done: job.files, ended: Math.floor(Date.now() / 1000) });
      this.push("job", job);
    }
    this.push("status", this.status());
  }

  status() {
    const running = [...this.jobs.values()].filter((job) => job.state === "running");
    const sum = (kind) => running.filter((job) => (job.kind === "send") === kind).reduce((all, job) => all + job.rate, 0);
    return {
      ...ME, addresses: ["192.0.2.7:4001", "[2001:db8::7]:4001"], peers: PEOPLE.length, servers: [{ address: "meet.example.org:12000", peer: "12D3", joined: true, met: 1 }],
      shared_files: 31, shared_bytes: 9.3e9, safe: { to_leave: false, files: 31, elsewhere: 24, downloads: 2 }, replicas: { used: 412e6, quota: 1e9, received: 0, sent: 0 },
      leftovers: { files: 2, bytes: 310e6 }, scanning: null, downloads: [], received: Math.round(this.totals.received), sent: Math.round(this.totals.sent), later: this.later,
      version: "0.1.0", home: "/home/anna/sprat", revision: this.revision, rates: { down: sum(false), up: sum(true) },
    };
  }

  snapshot() {
    return { status: this.status(), jobs: [...this.jobs.values()], peers: PEOPLE, asks: this.asks };
  }

  search(words) {
    const found = [];
    let row = 0;
    for (let at = this.names.indexOf(words); at >= 0; at = this.names.indexOf(words, this.starts[row])) {
      while (row < this.starts.length && this.starts[row] <= at) row += 1;
      found.push(this.offers[row - 1]);
      if (row === this.starts.length) break;
    }
    return found;
  }

  listOffers(query) {
    const words = (query.get("q") ?? "").toLowerCase();
    const folder = query.get("folder") ?? "";
    let rows = words ? this.search(words) : this.offers;
    const offset = Number(query.get("offset") ?? 0);
    let folders = [];
    if (folder) {
      const prefix = folder === "/" ? "" : folder;
      const found = new Map();
      rows = rows.filter((offer) => {
        if (!offer.name.startsWith(prefix)) return false;
        const rest = offer.name.slice(prefix.length);
        const cut = rest.indexOf("/");
        if (cut < 0) return true;
        const name = rest.slice(0, cut);
        const one = found.get(name) ?? { folder: `${prefix}${name}/`, name, files: 0, size: 0 };
        one.files += 1;
        one.size += offer.size;
        found.set(name, one);
        return false;
      });
      if (offset === 0) folders = [...found.values()];
    }
    const by = query.get("sort") ?? "name";
    if (by !== "name") rows = [...rows].sort(sorters[by]);
    if (query.get("desc")) rows = [...rows].reverse();
    const limit = Math.min(1000, Number(query.get("limit") ?? 200));
    const offers = rows.slice(offset, offset + limit);
    return { total: rows.length, offset, revision: this.revision, folders, offers, gaps: { nodes: [], scanning: [] } };
  }

  have(job) {
    const share = job.done / job.size;
    const cells = Array.from({ length: 512 }, (_, at) => Math.round(255 * Math.max(0, Math.min(1, share * 1.9 - (((at * 7919) % 512) / 512) * 0.9))));
    const chunks = Math.ceil(job.size / 262144);
    return { chunks, have: Math.round(chunks * share), cells };
  }

  newJob(fields) {
    const job = { job: Math.max(...this.jobs.keys()) + 1, state: "running", done: 0, files: 1, files_done: 0, rate: 0, eta: null, sources: [], started: Math.floor(Date.now() / 1000), ended: null, pausable: true, ...fields };
    this.jobs.set(job.job, job);
    this.push("job", job);
    return { job: job.job };
  }

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    try {
      if (!url.pathname.startsWith("/api/v1/")) return await this.asset(url.pathname, response);
      const path = url.pathname.slice("/api/v1".length);
      const raw = path === "/share" || path === "/staged";
      const body = request.method === "GET" ? null : await this.body(request, raw);
      if (request.method !== "GET") {
        this.writes.push(`${request.method} ${path}${url.search} ${raw ? body : JSON.stringify(body)}`);
        if (!request.headers["x-sprat"] && path !== "/session") throw new Refused(403, 4, "no X-Sprat header");
        if (request.headers.origin !== this.url) throw new Refused(403, 4, "foreign origin");
      }
      if (path === "/session") return this.session(request.method, body, response);
      if (!this.signedIn) throw new Refused(401, 4, "no session: run `sprat web` again");
      if (path === "/events") return this.events(response);
      const { status = 200, data } = await this.route(request.method, path, url.searchParams, body);
      response.writeHead(status, { ...SAFE, "Content-Type": "application/json", "Cache-Control": "no-store" });
      response.end(data === undefined ? "" : JSON.stringify(data));
    } catch (error) {
      response.writeHead(error.status ?? 500, { ...SAFE, "Content-Type": "application/json" });
      response.end(JSON.stringify({ code: error.code ?? 1, message: error.message }));
    }
  }

  async body(request, raw) {
    let bytes = 0;
    const parts = [];
    for await (const part of request) {
      bytes += part.length;
      if (!raw) parts.push(part);
    }
    if (raw) return bytes;
    if (bytes > 0 && request.headers["content-type"] !== "application/json") throw new Refused(415, 2, "not JSON");
    return bytes > 0 ? JSON.parse(Buffer.concat(parts)) : null;
  }

  async asset(path, response) {
    const file = normalize(path === "/" ? "/index.html" : path);
    try {
      const bytes = await readFile(join(ASSETS, file));
      response.writeHead(200, { ...SAFE, "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
      response.end(bytes);
    } catch {
      response.writeHead(404, SAFE).end();
    }
  }

  session(method, body, response) {
    this.signedIn = method === "POST" && body?.code === "0123456789abcdef0123456789abcdef";
    if (method === "POST" && !this.signedIn) throw new Refused(401, 4, "this code is not good any more");
    response.writeHead(204, SAFE).end();
  }

  events(response) {
    response.writeHead(200, { ...SAFE, "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    this.streams.add(response);
    this.opened = (this.opened ?? 0) + 1;
    response.on("close", () => this.streams.delete(response));
    response.write(`id: ${this.eventId}\nevent: snapshot\ndata: ${JSON.stringify(this.snapshot())}\n\n`);
  }

  async route(method, path, query, body) {
    const { answer } = await import("./mock-routes.mjs");
    const found = answer(this, method, path, query, body);
    if (!found) throw new Refused(404, 5, `there is no ${path}`);
    if (found.refuse) throw new Refused(...found.refuse);
    return found;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await new Mock({ offers: 100_000 }).listen(Number(process.argv[2] ?? 0));
  console.log(mock.url);
}
