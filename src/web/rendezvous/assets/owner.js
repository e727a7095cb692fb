// The owner's view: with the token of the server's home, what goes on and how much of each quota is taken.
// Invariant: the token stays in this tab's memory, and goes to this server alone.

import { html, useEffect, useRef, useState } from "./lib.js";
import { t } from "./i18n.js";
import { count, duration, percent, rate, size } from "./format.js";
import { Bar } from "./parts/bar.js";
import { ask } from "./join.js";

const EVERY = 2000;
/** Over how many answers the rate is taken: the server counts every two seconds. */
const SPAN = 6;
const QUOTAS = ["connections", "names", "registrations", "reservations", "circuits"];

function Load({ load, relayed }) {
  const row = (key, now, most, show) => html`<tr key=${key}><th scope="row">${t(key)}</th><td class="num">${show(now)}</td><td class="num">${show(most)}</td>
    <td class="share"><${Bar} value=${percent(now, most)} label=${t(key)} kind=${now >= most * 0.9 ? "bad" : ""} /></td></tr>`;
  return html`<table class="plain"><thead><tr><th scope="col">${t("what.row")}</th><th scope="col" class="num">${t("now")}</th><th scope="col" class="num">${t("most")}</th><th scope="col" class="share">${t("share")}</th></tr></thead>
      <tbody>${QUOTAS.map((key) => row(key, load[key].now, load[key].most, count))}${row("relay_rate", relayed, load.relay_rate, rate)}</tbody></table>
    <dl class="facts"><dt>${t("nodes")}</dt><dd>${count(load.nodes)}</dd><dt>${t("introduced")}</dt><dd>${count(load.introduced)}</dd><dt>${t("relayed")}</dt><dd>${size(load.relayed)}</dd>
      <dt>${t("each")}</dt><dd>${t("each.text", { circuits: count(load.circuits_per_peer), size: size(load.circuit_bytes), time: duration(load.circuit_seconds), connections: count(load.per_address) })}</dd>
      <dt>${t("since")}</dt><dd>${duration(load.seconds)}</dd></dl>
    ${load.takes_names ? null : html`<p class="chip bad">${t("full")}</p>`}`;
}

export function Owner() {
  const [typed, setTyped] = useState("");
  const [token, setToken] = useState("");
  const [load, setLoad] = useState(null);
  const [error, setError] = useState("");
  const history = useRef([]);
  useEffect(() => {
    if (!token) return undefined;
    let over = false;
    const look = async () => {
      if (document.hidden) return;
      try {
        const got = await ask("/api/load", { Authorization: `Bearer ${token}` });
        if (over) return;
        history.current = [...history.current, { at: performance.now(), bytes: got.relayed }].slice(-SPAN);
        setLoad(got);
        setError("");
      } catch (failed) {
        if (!over) setError(failed.message);
      }
    };
    look();
    const timer = setInterval(look, EVERY);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [token]);
  const [first, last] = [history.current[0], history.current.at(-1)];
  const relayed = last && last.at > first.at ? ((last.bytes - first.bytes) * 1000) / (last.at - first.at) : 0;
  const open = (event) => {
    event.preventDefault();
    history.current = [];
    setLoad(null);
    // Header values are ASCII: anything else is no token.
    setToken(typed.trim().replace(/[^\x21-\x7e]/g, ""));
  };
  const exposed = location.protocol === "http:" && !/^(127\.|localhost$|\[::1\])/.test(location.hostname);
  return html`<details class="card"><summary>${t("owner")}</summary><div>
    <p class="lead">${t("owner.text")}</p>
    ${exposed && html`<p class="lead"><span class="chip warn">${t("exposed")}</span> ${t("exposed.text")}</p>`}
    <form class="ask" onSubmit=${open}><input type="password" class="grow" maxlength="128" autocomplete="off" aria-label=${t("token")} placeholder=${t("token")} value=${typed} onInput=${(event) => setTyped(event.currentTarget.value)} /><button class="button">${t("show")}</button></form>
    <p role="status" class="bad">${error}</p>
    ${load && html`<${Load} load=${load} relayed=${relayed} />`}
  </div></details>`;
}
