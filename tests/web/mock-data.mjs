// What the mock node has: offers, people, jobs and asks, some of them with hostile names. Always the same (seeded).

export const HOSTILE = [
  '<img src=x onerror="globalThis.pwned=1">.jpg',
  "photo\u202egnp.exe",
  "</bdi><script>globalThis.pwned=2</script>",
  '" onmouseover="globalThis.pwned=3" x="',
  "javascript:globalThis.pwned=4",
  "a\u0000b\u001b[31mred\u0007\nnext line.txt",
  "zero\u200bwidth\u2066\u2067\u2068.txt",
  "${globalThis.pwned=5}",
  "__proto__",
  `long-${"n".repeat(900)}.bin`,
  `z${"\u0301".repeat(60)}algo.txt`,
  "style=position:fixed;inset:0",
  "שלום עולם.pdf",
];

let seed = 7;
export const random = () => {
  seed = (seed * 1664525 + 1013904223) % 4294967296;
  return seed / 4294967296;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join("");
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
export const key = () => `12D3KooW${Array.from({ length: 44 }, () => pick(ALPHABET)).join("")}`;
const now = () => Math.floor(Date.now() / 1000);

export const ME = { peer: key(), name: "anna@desk" };
export const PEOPLE = [
  { name: "bob", via: "lan", rtt_ms: 0.6 },
  { name: "carla@workshop", via: "lan", rtt_ms: 1.9 },
  { name: "dmitri", via: "direct", rtt_ms: 24 },
  { name: "elif@studio", via: "relay", rtt_ms: 81 },
  { name: '<b onclick="globalThis.pwned=6">mallory</b>', via: "direct", rtt_ms: 33, key_changed: true },
  { name: "\u202eecila", via: "lan", rtt_ms: null },
  { name: "LocalSend: Nice Orange", via: "localsend", rtt_ms: null, unproven: true },
].map((one, at) => ({ peer: key(), address: `192.0.2.${at + 10}:4001`, offers: 1000 * (at + 1), ...one }));

const FOLDERS = ["", "photos/2024/", "photos/2025/", "films/", "music/Nina Simone/", "papers/", "datasets/weather/", "backups/laptop/", "talks/"];
const ENDINGS = [["jpg", "image/jpeg"], ["png", "image/png"], ["mp4", "video/mp4"], ["flac", "audio/flac"], ["pdf", "application/pdf"], ["csv", "text/csv"], ["iso", "application/octet-stream"], ["tar.zst", "application/zstd"]];
const NOUNS = ["harbour", "meadow", "lecture", "station", "quartet", "survey", "invoice", "river", "festival", "garden", "measurement", "kitchen", "summit", "archive", "sprat"];

export function makeOffers(many) {
  const offers = HOSTILE.map((name) => offer(name, "application/octet-stream"));
  for (let n = offers.length; n < many; n += 1) {
    const [ending, type] = pick(ENDINGS);
    offers.push(offer(`${pick(FOLDERS)}${pick(NOUNS)}-${String(n).padStart(6, "0")}.${ending}`, type));
  }
  return offers;
}

function offer(name, type) {
  const owners = Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(PEOPLE)).map(({ peer, name }) => ({ peer, name }));
  const holders = 1 + Math.floor(random() * 5);
  return {
    name, id: hex(64), size: Math.floor(10 ** (2 + random() * 8)), type, holders, copies: holders + Math.floor(random() * 3), replica: random() < 0.03,
    mtime: 1_700_000_000 + Math.floor(random() * 60_000_000), mine: random() < 0.06, shared: random() < 0.03, owners,
  };
}

const source = (who, bytes, rate) => ({ peer: who.peer, name: who.name, via: who.via, bytes, rate });
const base = (job, kind, state, name, size, rest) => ({
  job, kind, state, name, done: 0, size, files: 1, files_done: 0, rate: 0, eta: null, sources: [], started: now() - 240, ended: null,
  pausable: true, ...rest,
});

export function makeJobs() {
  const G = 2 ** 30;
  const [bob, carla, dmitri, elif, mallory] = PEOPLE;
  return [
    base(9, "download", "running", "films/harbour-at-dawn-2160p.mkv", 14.2 * G, { id: hex(64), path: "/home/anna/sprat/downloads/films/harbour-at-dawn-2160p.mkv", done: 5.1 * G, sources: [source(bob, 2.9 * G, 41e6), source(carla, 1.6 * G, 22e6), source(dmitri, 0.6 * G, 9e6)] }),
    base(8, "receive", "running", "photos (214 files)", 1.9 * G, { files: 214, files_done: 90, done: 0.8 * G, from: { name: "carla@workshop", peer: carla.peer }, ask: 1, sources: [source(carla, 0.8 * G, 18e6)] }),
    base(7, "send", "running", "talk-recording.mp4", 0.7 * G, { done: 0.2 * G, to: [{ to: "bob", peer: bob.peer, state: "running", done: 0.2 * G, size: 0.7 * G }, { to: "elif@studio", peer: elif.peer, state: "asking", done: 0, size: 0.7 * G }] }),
    base(6, "download", "waiting", "datasets/weather/", 3 * G, { files: 40, files_done: 12, done: 1.1 * G }),
    base(5, "download", "paused", "debian-13.2.0-amd64-netinst.iso", 0.65 * G, { id: hex(64), done: 0.31 * G, sources: [source(elif, 0.31 * G, 0)] }),
    base(4, "download", "done", "music/Nina Simone/live-1965.flac", 0.4 * G, { id: hex(64), path: "/home/anna/sprat/downloads/live-1965.flac", done: 0.4 * G, files_done: 1, ended: now() - 600, started: now() - 640, sources: [source(bob, 0.4 * G, 0)] }),
    base(3, "send", "failed", HOSTILE[0], 4096, { ended: now() - 900, error: "mallory refused it", code: 4, to: [{ to: mallory.name, peer: mallory.peer, state: "refused", done: 0, size: 4096 }] }),
    base(2, "download", "failed", HOSTILE[1], 9e6, { done: 2e6, ended: now() - 1800, error: "no space: 7.0 MiB lack in downloads/", code: 7, errors: [{ name: HOSTILE[2], error: "no space" }] }),
    base(1, "download", "cancelled", "backups/laptop/", 12e9, { files: 800, files_done: 3, ended: now() - 4000 }),
  ];
}

export function makeAsks() {
  const [bob, carla, , , mallory] = PEOPLE;
  const file = (name, size, type) => ({ name, size, type, id: hex(64) });
  return [
    { ask: 2, from: bob.name, peer: bob.peer, name: "budget-2027.xlsx", size: 84_211, type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", id: hex(64), time: now() - 40, to: ["anna"], lacking: 0 },
    { ask: 3, from: carla.name, peer: carla.peer, name: "photos (12 files)", size: 48e6, type: "multipart/mixed", id: null, time: now() - 90, to: ["anna", "bob"], lacking: 0,
      files: Array.from({ length: 12 }, (_, at) => file(`photos/2025/garden-${at}.jpg`, 4e6, "image/jpeg")) },
    { ask: 4, from: mallory.name, peer: mallory.peer, name: HOSTILE[0], size: 9e12, type: "image/png\"><script>", id: hex(64), time: now() - 10, to: ["anna"], lacking: 8.9e12, key_changed: true },
  ];
}

export function makeChat() {
  const at = now() - 3600;
  return [
    { time: at, mine: false, text: "Are the recordings of the second day with you?" },
    { time: at + 50, mine: true, text: "Yes, in talks/. The last one is still coming in." },
    { time: at + 90, mine: false, text: '<img src=x onerror="globalThis.pwned=7"> \u202eevil' },
    { time: at + 400, mine: true, text: "Two lines\nof text" },
  ];
}
