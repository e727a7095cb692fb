// The page of a rendezvous server: what it is, how to join, a name, and its owner's view.
// Asks its own server and nobody else; never signs anybody up: a node does, since only it has the key.

import { effect, html, render, signal, useEffect } from "./lib.js";
import { choose, chosen, language, LANGUAGES, t } from "./i18n.js";
import { count } from "./format.js";
import { ask, Join } from "./join.js";
import { Owner } from "./owner.js";

/** How often the page asks who is here. */
const EVERY = 5000;
const server = signal(null);
const away = signal(false);

async function look() {
  if (document.hidden && server.value) return;
  try {
    server.value = await ask("/api/server");
    away.value = false;
  } catch {
    away.value = true;
  }
}

const Language = () => html`<select aria-label=${t("language")} value=${chosen.value || language.value} onChange=${(event) => choose(event.currentTarget.value)}>
  ${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select>`;

function Page() {
  useEffect(() => {
    const timer = setInterval(look, EVERY);
    return () => clearInterval(timer);
  }, []);
  const known = server.value;
  return html`<header class="top"><img src="/icon.svg" alt="" width="30" height="30" /><h1>${t("title")}</h1><${Language} /></header>
    <main>
      <p class="lead">${t("what")}</p>
      <p role="status">${known && html`<span class="chip good here">${t("here", { n: count(known.nodes), count: known.nodes })}</span>`}
        ${away.value && html` <span class="chip bad">${t("away")}</span>`}</p>
      ${known && html`<${Join} server=${known} />`}
      <${Owner} />
      <p class="small muted">sprat ${known?.version}</p>
    </main>`;
}

effect(() => {
  document.documentElement.lang = language.value;
  document.title = t("title");
});
await look();
render(html`<${Page} />`, document.getElementById("app"));
