// The names of a rendezvous server: who signed up, adding somebody, a name of one's own.

import { html, useEffect, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { when } from "../format.js";
import { Icon } from "../icons.js";
import { Name, printable } from "../safe.js";
import { get, post, query } from "../api.js";
import { node } from "../state.js";
import { toast } from "../toast.js";

async function tell(body, key, name) {
  try {
    await post("/people", body);
    toast(parts(key, { name: html`<${Name} of=${name} />` }), "good");
    return true;
  } catch (error) {
    toast(error.message, "bad");
    return false;
  }
}

function SignUp({ onDone }) {
  const [name, setName] = useState("");
  const ask = async (event) => {
    event.preventDefault();
    if (name.trim() && (await tell({ signup: name.trim() }, "signup.done", name))) onDone();
  };
  return html`<form class="row wrap" onSubmit=${ask}>
    <input type="text" class="grow" maxlength="64" autocomplete="off" spellcheck="false" aria-label=${t("signup.name")} placeholder=${t("signup.name")} value=${name} onInput=${(event) => setName(event.currentTarget.value)} />
    <button class="button">${t("signup")}</button></form>`;
}

/** Without a server there is nothing to search or to sign up at. */
export function Directory() {
  if (node.value?.servers?.length !== 0) return html`<${Names} />`;
  return html`<section class="card pad directory" aria-label=${t("directory")}>
    <h2>${t("directory")}</h2><p>${t("directory.noserver")}</p><p class="mono">sprat --rendezvous meet.example.org</p></section>`;
}

function Names() {
  const [words, setWords] = useState("");
  const [people, setPeople] = useState(null);
  const [error, setError] = useState(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get(`/people${query({ q: words })}`, stop.signal).then(
        (got) => (setPeople(got.people ?? []), setError(null)),
        (failed) => failed.name === "AbortError" || (setError(failed), setPeople([])),
      );
    }, people === null ? 0 : 250);
    return () => (clearTimeout(timer), stop.abort());
  }, [words, turn]);
  const again = () => setTurn(turn + 1);
  return html`<section class="card pad directory" aria-label=${t("directory")}>
    <h2>${t("directory")}</h2>
    <div class="search"><${Icon} name="search" size=${16} /><input type="search" aria-label=${t("directory.search")} placeholder=${t("directory.search")} value=${words} onInput=${(event) => setWords(event.currentTarget.value)} /></div>
    <div aria-live="polite">
      ${error && html`<p class="banner">${error.message}</p>`}
      ${people?.length === 0 && !error && html`<p class="muted">${t("directory.none")}</p>`}
    </div>
    <ul class="plainlist">${people?.map((one) => html`<li key=${`${one.server} ${one.name}`} class="row">
      <span class=${`dot ${one.present ? "here" : ""}`} aria-hidden="true"></span>
      <span class="grow p-two"><${Name} of=${one.name} /><span class="small muted cut">${one.present ? t("present") : t("seen", { when: when(one.seen) })} · <bdi>${printable(one.server)}</bdi></span></span>
      ${one.added
        ? html`<span class="chip good"><${Icon} name="check" size=${13} />${t("added")}</span>`
        : html`<button class="button" aria-label=${t("add.what", { name: printable(one.name) })} onClick=${async () => (await tell({ add: one.name }, "add.done", one.name)) && again()}>${t("add")}</button>`}
    </li>`)}</ul>
    <h3>${t("signup.title")}</h3><p class="small muted">${t("signup.text")}</p>
    <${SignUp} onDone=${again} />
  </section>`;
}
