// How to join, a name of one's own, and where people are found. Invariant: what a person typed is text and goes on only
// in a link's fragment, encoded, or in a command, quoted for a shell.

import { html, useMemo, useState } from "./lib.js";
import { parts, t } from "./i18n.js";
import { Name, printable } from "./safe.js";
import { Copy } from "./parts/copy.js";

/** Where the page of a node is, unless its owner chose another port. */
const PORT = "45680";

/** Asks the server; throws its answer's message. */
export async function ask(path, headers = {}) {
  let response;
  try {
    response = await fetch(path, { headers: { "X-Sprat": "1", ...headers }, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch {
    throw new Error(t("away"));
  }
  const said = await response.json().catch(() => ({}));
  if (response.ok) return said;
  const known = { 400: "wrong", 401: "token.wrong", 429: "slow", 503: "slow" }[response.status];
  throw new Error(known ? t(known) : printable(said.message) || t("away"));
}

/** A word for a POSIX shell. */
export const quoted = (word) => (/^[\w.][\w.-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** What signs up at the shell: a name like an option stands behind `--`. */
const command = (name, address) => `sprat signup --rendezvous ${address} ${name.startsWith("-") ? "-- " : ""}${quoted(name)}`;

const Line = ({ text }) => html`<div class="code"><code>${printable(text)}</code><${Copy} text=${text} /></div>`;

/** A code, drawn as one path on white, with the border that cameras need. */
function Qr({ rows }) {
  const path = useMemo(() => rows.map((row, y) => [...row].map((dark, x) => (dark === "1" ? `M${x} ${y}h1v1h-1z` : "")).join("")).join(""), [rows]);
  const side = rows.length + 8;
  return html`<svg class="qr" viewBox=${`-4 -4 ${side} ${side}`} role="img" aria-label=${t("qr")} shape-rendering="crispEdges"
    ><rect x="-4" y="-4" width=${side} height=${side} fill="#ffffff" /><path d=${path} fill="#000000" /></svg>`;
}

const nodePage = (port, fragment) => `http://127.0.0.1:${/^\d{1,5}$/.test(port) ? port : PORT}/#${fragment}`;

function Port({ port, setPort }) {
  return html`<p class="small muted">${parts("node.port", { port: html`<input class="port" inputmode="numeric" maxlength="5" aria-label=${t("port")} value=${port} onInput=${(event) => setPort(event.currentTarget.value)} />` })}</p>`;
}

function SignUp({ server, port }) {
  const [name, setName] = useState("");
  const [answer, setAnswer] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted || busy) return;
    setBusy(true);
    try {
      const { free } = await ask(`/api/name?${new URLSearchParams({ name: wanted })}`);
      setAnswer({ name: wanted, free });
    } catch (error) {
      setAnswer({ error: error.message });
    }
    setBusy(false);
  };
  const given = answer?.free && new URLSearchParams({ name: answer.name, server: server.address });
  return html`<section class="card pad" aria-labelledby="signup"><h2 id="signup">${t("signup")}</h2>
    <p class="lead">${t("signup.text")}</p>
    <form class="ask" onSubmit=${submit}>
      <input id="name" type="text" class="grow" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" aria-label=${t("name")} placeholder=${t("name")} value=${name} onInput=${(event) => (setName(event.currentTarget.value), setAnswer(null))} />
      <button class="button primary">${t("check")}</button>
    </form>
    <div class="answer" aria-live="polite">
      ${answer?.error && html`<p class="bad">${answer.error}</p>`}
      ${answer?.free === false && html`<p><span class="chip bad">${t("taken")}</span> ${parts("taken.text", { name: html`<${Name} of=${answer.name} />` })}</p>`}
      ${answer?.free && html`<p><span class="chip good">${t("free")}</span> ${parts("free.text", { name: html`<${Name} of=${answer.name} />` })}</p>
        <div class="ways">
          <p><a class="button primary" id="tonode" href=${nodePage(port, `people/signup?${given}`)} target="_blank" rel="noopener noreferrer">${t("open")}</a></p>
          <p>${t("command")}</p>
          <${Line} text=${command(answer.name, server.address)} />
        </div>`}
    </div></section>`;
}

export function Join({ server }) {
  const [port, setPort] = useState(PORT);
  return html`<section class="card pad" aria-labelledby="join"><h2 id="join">${t("join")}</h2>
      <div class="join"><div class="ways"><p class="lead">${t("join.text")}</p><${Line} text=${server.join} />
        <h3>${t("none")}</h3><p class="lead">${t("none.text")}</p><${Line} text="cargo install --path ." /></div>
        ${server.qr && html`<${Qr} rows=${server.qr} />`}</div></section>
    ${server.takes_names ? html`<${SignUp} server=${server} port=${port} />` : html`<section class="card pad"><p>${t("full")}</p></section>`}
    <section class="card pad" aria-labelledby="find"><h2 id="find">${t("find")}</h2><p class="lead">${t("find.text")}</p>
      <p><a class="button" href=${nodePage(port, "people/find")} target="_blank" rel="noopener noreferrer">${t("find.open")}</a></p>
      <${Line} text=${`sprat people --rendezvous ${server.address}`} /></section>
    <section class="card pad" aria-labelledby="node"><h2 id="node">${t("node")}</h2><p class="lead">${t("node.text")}</p><${Line} text="sprat web" />
      <${Port} port=${port} setPort=${setPort} /></section>`;
}
