// What this page knows of the node, kept by the event stream. Views read signals; nobody else writes them.
// Invariant: a snapshot replaces everything, so a gap in the stream never leaves a stale row.

import { batch, computed, signal } from "./lib.js";
import { EVENTS, get, locked } from "./api.js";
import { follow } from "./stream.js";
import { Rates } from "./rates.js";

export const link = signal("late"); // "live", "late" (connecting again), "refused"
export const node = signal(null); // STATUS
export const jobs = signal(new Map()); // number → JOB
export const peers = signal(new Map()); // id → PEER
export const asks = signal(new Map()); // number → ASK
export const revision = signal(0); // of what is offered
export const log = signal([]); // the newest lines
export const waiting = signal(new Map()); // peer id → messages that were not looked at
export const ready = signal(false);

const LOG_LINES = 500;
const RUNNING = new Set(["waiting", "asking", "running", "paused"]);
export const isActive = (job) => RUNNING.has(job.state);
const newest = (a, b) => b.job - a.job;

export const active = computed(() => [...jobs.value.values()].filter(isActive).sort(newest));
export const ended = computed(() => [...jobs.value.values()].filter((job) => !isActive(job)).sort((a, b) => (b.ended ?? 0) - (a.ended ?? 0) || newest(a, b)));
export const speed = computed(() => node.value?.rates ?? { down: 0, up: 0 });
export const unread = computed(() => [...waiting.value.values()].reduce((sum, n) => sum + n, 0));
/** File id → the job that fetches it now. */
export const fetching = computed(() => new Map(active.value.filter((job) => job.kind === "download" && job.id).map((job) => [job.id, job])));

export const rates = new Rates();
/** Grows once a second, when the curves have a new sample. */
export const second = signal(0);

const listeners = new Set();
/** `listener(news)` hears what happens, as it happens. Gives a function that ends it. */
export function onNews(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const byKey = (rows, key) => new Map((rows ?? []).map((row) => [row[key], row]));
const changed = (map, key, value) => {
  const copy = new Map(map.value);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  map.value = copy;
};

function takeStatus(status) {
  node.value = status;
  if (typeof status.revision === "number") revision.value = status.revision;
}

const TAKE = {
  snapshot(data) {
    takeStatus(data.status);
    jobs.value = byKey(data.jobs, "job");
    peers.value = byKey(data.peers, "peer");
    asks.value = byKey(data.asks, "ask");
    ready.value = true;
  },
  status: takeStatus,
  job: (job) => changed(jobs, job.job, job),
  "job-gone": ({ job }) => changed(jobs, job, undefined),
  peers: (data) => (peers.value = byKey(data.peers, "peer")),
  asks: (data) => (asks.value = byKey(data.asks, "ask")),
  catalog: (data) => (revision.value = data.revision),
  log: (line) => addLog([line]),
  news(news) {
    if (news.event === "message") changed(waiting, news.peer, (waiting.value.get(news.peer) ?? 0) + 1);
    for (const listener of listeners) listener(news);
  },
};

/** Adds lines of the log, in order; those that are there already are not added twice. */
export function addLog(lines) {
  const last = log.value.at(-1)?.n ?? -1;
  const all = lines.every((line) => line.n > last)
    ? [...log.value, ...lines]
    : [...new Map([...log.value, ...lines].map((line) => [line.n, line])).values()].sort((a, b) => a.n - b.n);
  if (lines.length > 0) log.value = all.slice(-LOG_LINES);
}

export const seen = (peer) => waiting.value.has(peer) && changed(waiting, peer, undefined);

/** An answer that came by itself (pause, cancel), before the event does. */
export const takeJob = (job) => job?.job !== undefined && TAKE.job(job);

/** Events wait a moment and are taken together: a busy node tells hundreds a second, and the page is drawn once. */
const GATHER = 60;
const MOST = 500;
let gathered = [];
let timer = 0;

function takeGathered() {
  clearTimeout(timer);
  timer = 0;
  const all = gathered;
  gathered = [];
  batch(() => all.forEach(([name, data]) => TAKE[name]?.(data)));
}

function onEvent(name, data) {
  gathered.push([name, data]);
  // Timers of a page that is not in sight run rarely; what somebody should hear of does not wait.
  if (name === "news" || name === "snapshot" || gathered.length >= MOST) takeGathered();
  else if (timer === 0) timer = setTimeout(takeGathered, GATHER);
}

function onState(state) {
  link.value = state;
  // A stream does not say why it was refused; a question does.
  if (state === "refused") get("/status").catch(() => {});
}

export function start() {
  follow({
    url: EVENTS,
    names: Object.keys(TAKE),
    onEvent,
    onState,
    dump: () => ready.value && {
      status: node.value, jobs: [...jobs.value.values()], peers: [...peers.value.values()], asks: [...asks.value.values()],
    },
  });
  setInterval(() => {
    if (locked.value) return;
    rates.sample(Date.now(), link.value === "live" ? speed.value : { down: 0, up: 0 }, active.value);
    second.value += 1;
  }, 1000);
}
