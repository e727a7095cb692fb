// A name that the page of a rendezvous server led here with: `#people/signup?name=…&server=HOST:PORT/KEY`.
// Invariant: a link fills in and nothing more. Who opens this page confirms, and only at a server that this node uses.

import { html, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { Name, printable } from "../safe.js";
import { post } from "../api.js";
import { toast } from "../toast.js";
import { go } from "../router.js";
import { node } from "../state.js";
import { Copy } from "../parts/copy.js";

const cut = (text, most) => [...(text ?? "")].slice(0, most).join("");
/** What can stand in a command as it is. */
const ADDRESS = /^[\w.:[\]-]+\/(\w{40,64})$/;

export function Wish({ asked }) {
  const [name, setName] = useState(cut(asked.get("name"), 64));
  const [busy, setBusy] = useState(false);
  const address = cut(asked.get("server"), 400);
  const key = ADDRESS.exec(address)?.[1];
  const server = (node.value?.servers ?? []).find((one) => one.peer === key);
  const confirm = async (event) => {
    event.preventDefault();
    if (!name.trim() || busy || !server?.joined) return;
    setBusy(true);
    try {
      await post("/people", { signup: name.trim(), server: key });
      toast(parts("signup.done", { name: html`<${Name} of=${name.trim()} />` }), "good");
      go("people", "find");
    } catch (error) {
      toast(error.message, "bad");
      setBusy(false);
    }
  };
  const line = `sprat --web --rendezvous ${address}`;
  return html`<section class="card pad directory wish" aria-labelledby="wish"><h2 id="wish">${t("wish.title")}</h2>
    ${!key
      ? html`<p class="banner">${t("wish.none")}</p>`
      : html`<p>${t("wish.text")}</p>
        <p>${parts("wish.server", { server: html`<bdi class="mono">${printable(server?.address ?? address)}</bdi>` })}</p>
        ${node.value && !server && html`<p class="banner">${t("wish.unused")}</p><p class="row"><code class="mono grow">${printable(line)}</code><${Copy} text=${line} /></p>`}
        ${server && !server.joined && html`<p class="banner">${t("wish.away")}</p>`}
        ${server && html`<form class="row wrap" onSubmit=${confirm}>
          <input type="text" class="grow" maxlength="64" autocomplete="off" spellcheck="false" aria-label=${t("signup.name")} value=${name} onInput=${(event) => setName(event.currentTarget.value)} />
          <button class="button primary" disabled=${busy || !server.joined}>${t("wish.confirm")}</button></form>`}`}
  </section>`;
}
