// What the mock node answers to each question. `refuse: [HTTP status, code, message]` is an error.

import { HOSTILE, PEOPLE } from "./mock-data.mjs";

const ok = (data, status = 200) => ({ status, data });

function job(mock, id, what) {
  const job = mock.jobs.get(Number(id));
  if (!job) return undefined;
  if (!what) return ok(job);
  if (what === "have") return job.kind === "send" || job.ended ? undefined : ok(mock.have(job));
  if (job.ended) return { refuse: [409, 1, "it has ended"] };
  if (what === "pause" && !job.pausable) return { refuse: [409, 1, "that job has ended"] };
  if (what === "cancel") Object.assign(job, { state: "cancelled", rate: 0, eta: null, ended: Math.floor(Date.now() / 1000) });
  if (what === "pause") Object.assign(job, { state: "paused", rate: 0, eta: null });
  if (what === "resume") job.state = "running";
  mock.push("job", job);
  return ok(job);
}

function ask(mock, id, what) {
  const ask = mock.asks.find((one) => one.ask === Number(id));
  if (!ask) return { refuse: [404, 5, "there is no such ask"] };
  if (what === "accept" && ask.lacking > 0) return { refuse: [507, 7, `no space for ${HOSTILE[1]}`] };
  mock.asks = mock.asks.filter((one) => one !== ask);
  mock.push("asks", { asks: mock.asks });
  if (what === "accept") mock.newJob({ kind: "receive", name: ask.name, size: ask.size, from: { name: ask.from, peer: ask.peer }, ask: ask.ask, sources: [] });
  return { status: 204 };
}

function chat(mock, who, method, query, body) {
  const peer = PEOPLE.find((one) => one.peer === who);
  if (!peer) return { refuse: [404, 5, "nobody here is called that"] };
  const lines = mock.chats.get(peer.peer);
  if (method === "GET") return ok({ peer: peer.peer, name: peer.name, lines });
  const time = Math.floor(Date.now() / 1000);
  lines.push({ time, mine: true, text: body.text });
  return ok({ to: peer.name, peer: peer.peer, time });
}

export function answer(mock, method, path, query, body) {
  const [, room, id, what] = path.split("/").map(decodeURIComponent);
  switch (`${method} ${room}`) {
    case "GET status":
      return ok(mock.status());
    case "GET offers":
      return ok(mock.listOffers(query));
    case "GET jobs":
    case "POST jobs":
      return id ? job(mock, id, what) : ok({ jobs: [...mock.jobs.values()] });
    case "GET peers":
      return ok({ peers: PEOPLE });
    case "GET links":
      return ok({ links: [] });
    case "GET asks":
      return ok({ asks: mock.asks });
    case "POST asks":
      return ask(mock, id, what);
    case "POST downloads": {
      const offer = mock.offers.find((one) => one.id === body.what[0]);
      return ok(mock.newJob({ kind: "download", name: offer?.name ?? body.what[0], id: offer?.id, size: offer?.size ?? 5e9, sources: [{ ...PEOPLE[0], bytes: 0, rate: 3e7 }] }), 202);
    }
    case "POST share":
      return query.get("name").endsWith("taken.txt") ? { refuse: [409, 4, "another file has that name"] } : ok({ name: query.get("name"), size: body }, 201);
    case "POST staged":
      mock.staged += 1;
      return ok({ staged: String(mock.staged), name: query.get("name"), size: body }, 201);
    case "DELETE staged":
      return { status: 204 };
    case "POST sends":
      if (mock.refuseSends) return { refuse: [404, 5, "nobody of that name is here"] };
      return ok(mock.newJob({ kind: "send", state: "asking", name: "files", size: 100, to: [{ to: "bob", peer: body.to[0], state: "asking", done: 0, size: 100 }] }), 202);
    case "GET chats":
      return id ? chat(mock, id, method, query, body) : ok({ chats: PEOPLE.map(({ peer, name }) => ({ peer, name })) });
    case "POST chats":
      return chat(mock, id, method, query, body);
    case "GET people":
      return ok({ people: [...PEOPLE.map((one, at) => ({ name: one.name, peer: one.peer, present: at < 2, seen: 1764300000, server: "meet.example.org:12000", added: at === 0 }))].filter((one) => one.name.includes(query.get("q") ?? "")) });
    case "POST people":
      return ok({ name: body.add ?? body.signup, server: "meet.example.org:12000" });
    case "DELETE later":
      mock.later = mock.later.filter((one) => one.later !== Number(id));
      mock.push("status", mock.status());
      return { status: 204 };
    case "GET settings":
      return ok(mock.settings);
    case "PATCH settings":
      Object.assign(mock.settings, body);
      return ok(mock.settings);
    case "GET log":
      return ok({ lines: mock.log, first: 1, next: mock.log.length + 1 });
    case "GET doctor":
      return ok({ healthy: false, lines: [{ event: "nat", kind: "none", peers: 0 }, { event: "conclusion", cause: "firewall", what: "<b>This</b> machine does not hear itself.", cure: "Allow UDP port 45670." }] });
    case "POST leave":
      return ok({}, 202);
    default:
      return undefined;
  }
}
