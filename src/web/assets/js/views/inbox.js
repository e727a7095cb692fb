// Inbox: who asks to send something. Nothing is stored before yes.

import { html, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { count, size, when } from "../format.js";
import { Icon, mediaIcon } from "../icons.js";
import { Name, PathName, printable } from "../safe.js";
import { asks, ready } from "../state.js";
import { post } from "../api.js";
import { toast } from "../toast.js";
import { Head } from "../parts/head.js";

const SHOWN = 8;

function AskedFiles({ files }) {
  const [all, setAll] = useState(false);
  const shown = all ? files : files.slice(0, SHOWN);
  return html`<ul class="asked">${shown.map((file, at) => html`<li key=${at} class="row"><${Icon} name=${mediaIcon(file.type)} size=${16} /><span class="grow"><${PathName} of=${file.name} /></span><span class="num muted">${size(file.size)}</span></li>`)}</ul>
    ${files.length > shown.length && html`<button class="button plain" onClick=${() => setAll(true)}>${t("show.all", { n: count(files.length) })}</button>`}`;
}

function Ask({ ask }) {
  const [into, setInto] = useState(null);
  const [busy, setBusy] = useState(false);
  const name = printable(ask.name);
  const answer = async (what, body) => {
    setBusy(true);
    try {
      await post(`/asks/${ask.ask}/${what}`, body);
      if (what === "accept") toast(html`${parts("ask.accepted", { name: html`<${Name} of=${ask.name} />` })} <a href="#transfers">${t("tab.transfers")}</a>`, "good");
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      setBusy(false);
    }
  };
  return html`<li class="card pad ask" data-ask=${ask.ask}>
    <div class="row top"><span class="kind"><${Icon} name=${ask.files ? "folder" : mediaIcon(ask.type)} /></span>
      <div class="grow"><h2><${PathName} of=${ask.name} /></h2>
        <p>${parts("ask.from", { who: html`<${Name} of=${ask.from} />`, size: size(ask.size) })}</p>
        <p class="small muted row wrap">${!ask.files && html`<bdi>${printable(ask.type)}</bdi>`}<span>${when(ask.time)}</span>${ask.to?.length > 1 && html`<span>${t("ask.others", { n: ask.to.length - 1, count: ask.to.length - 1 })}</span>`}${ask.peer && html`<span class="mono">${String(ask.peer).slice(-8)}</span>`}</p></div></div>
    ${ask.key_changed && html`<p class="banner bad"><${Icon} name="alert" /><span>${t("newkey.text")}</span></p>`}
    ${ask.lacking > 0 && html`<p class="banner"><${Icon} name="alert" /><span>${t("ask.lacking", { size: size(ask.lacking) })}</span></p>`}
    ${ask.files && html`<${AskedFiles} files=${ask.files} />`}
    ${into !== null && html`<div><label class="small" for=${`into-${ask.ask}`}>${t("ask.into")}</label>
      <input id=${`into-${ask.ask}`} type="text" class="mono" spellcheck="false" value=${into} placeholder="/home/…" onInput=${(event) => setInto(event.currentTarget.value)} /></div>`}
    <div class="row wrap">
      <button class="button primary" disabled=${busy} aria-label=${t("accept.what", { name })} onClick=${() => answer("accept", into ? { into } : {})}><${Icon} name="check" size=${16} /> ${t("accept")}</button>
      <button class="button" disabled=${busy} aria-label=${t("refuse.what", { name })} onClick=${() => answer("refuse", {})}>${t("refuse")}</button>
      ${into === null && html`<button class="button plain" onClick=${() => setInto("")}>${t("ask.elsewhere")}</button>`}
    </div>
  </li>`;
}

export function Inbox() {
  const all = [...asks.value.values()].sort((a, b) => b.ask - a.ask);
  return html`<div class="view narrow">
    <${Head} id="inbox" />
    <p class="hidden" role="status">${t("badge.inbox", { n: all.length })}</p>
    ${all.length === 0 && ready.value && html`<div class="empty"><${Icon} name="inbox" size=${36} /><p>${t("inbox.none")}</p></div>`}
    <ul class="asks">${all.map((ask) => html`<${Ask} key=${ask.ask} ask=${ask} />`)}</ul>
  </div>`;
}
