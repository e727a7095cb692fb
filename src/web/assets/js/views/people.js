// People: who is here and by which path, whom somebody has talked with, and one of them in full: send, chat.

import { html, useEffect, useMemo, useState } from "../lib.js";
import { t } from "../i18n.js";
import { count } from "../format.js";
import { Icon } from "../icons.js";
import { Name, printable } from "../safe.js";
import { peers, ready, waiting } from "../state.js";
import { get } from "../api.js";
import { go, route } from "../router.js";
import { send } from "../uploads.js";
import { DropZone } from "../parts/drop.js";
import { Head } from "../parts/head.js";
import { Person } from "./person.js";
import { Directory } from "./directory.js";
import { Wish } from "./wish.js";

/** Sending goes on in Transfers, where its progress is. */
const sendTo = (who, list, more) => send(who, list, more) && go("transfers");

const tail = (peer) => String(peer ?? "").slice(-8);

function Row({ who, chosen, reach, onKeyDown }) {
  const unread = waiting.value.get(who.peer) ?? 0;
  return html`<${DropZone} cls="personrow" onFiles=${who.here && !who.key_changed ? (list) => sendTo(who, list) : undefined} hint=${t("drop.send", { who: printable(who.name) })}>
    <a class="person" href=${`#people/${encodeURIComponent(who.peer)}`} aria-current=${chosen ? "true" : undefined} tabindex=${reach ? 0 : -1} onKeyDown=${onKeyDown}>
      <span class=${`dot ${who.here ? "here" : ""}`} aria-hidden="true"></span>
      <span class="grow p-two"><${Name} of=${who.name} />
        <span class="small muted cut">${who.here
          ? html`${printable(who.via)}${who.rtt_ms != null && html` · ${count(Math.max(1, Math.round(who.rtt_ms)))} ms`} · ${t("offers.n", { n: count(who.offers ?? 0), count: who.offers ?? 0 })}`
          : t("away")}</span></span>
      ${who.unproven && html`<span class="chip">${t("unproven")}</span>`}
      ${who.key_changed && html`<span class="chip bad"><${Icon} name="alert" size=${12} />${t("newkey")}</span>`}
      ${unread > 0 && html`<span class="badge call" aria-label=${t("badge.people", { n: unread })}>${count(unread)}</span>`}
      <span class="mono muted p-key">${tail(who.peer)}</span>
    </a></${DropZone}>`;
}

/** Everyone: who is here first, then whom something was said to. */
function useEveryone() {
  const [chats, setChats] = useState([]);
  const here = peers.value;
  useEffect(() => {
    let over = false;
    get("/chats").then((got) => over || setChats(got.chats ?? []), () => {});
    return () => {
      over = true;
    };
  }, [here.size, waiting.value]);
  return useMemo(() => {
    // Those who only look or fetch are gone in a moment, and nobody is at them.
    const rows = [...here.values()].filter((peer) => !peer.visiting).map((peer) => ({ ...peer, here: true }));
    for (const chat of chats) if (!here.has(chat.peer)) rows.push({ peer: chat.peer, name: chat.name ?? tail(chat.peer), here: false });
    return rows;
  }, [here, chats]);
}

/** Up and down go from one to the next. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = [...event.currentTarget.closest(".persons").querySelectorAll(".person")];
  const next = all[all.indexOf(event.currentTarget) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

export function People() {
  const everyone = useEveryone();
  const id = route.value.rest;
  const chosen = everyone.find((who) => who.peer === id);
  const [chose, setFinding] = useState(false);
  // Addresses by which the page of a rendezvous server leads here.
  const wish = id === "signup";
  const finding = chose || wish || id === "find";
  const reach = chosen?.peer ?? everyone[0]?.peer;
  const side = html`<section class="persons card" aria-label=${t("people.here")}>
    ${everyone.length === 0 && ready.value && html`<div class="empty"><${Icon} name="people" size=${32} /><p>${t("people.none")}</p><a class="button" href="#health">${t("doctor.look")}</a></div>`}
    ${everyone.map((who) => html`<${Row} key=${who.peer} who=${who} chosen=${who.peer === id} reach=${who.peer === reach} onKeyDown=${arrows} />`)}
  </section>`;
  return html`<div class=${`view people ${chosen || finding ? "chosen" : ""}`}>
    <${Head} id="people">
      ${(chosen || finding) && html`<button class="button back" onClick=${() => (setFinding(false), go("people"))}><span class="turn left"><${Icon} name="chevron" size=${15} /></span>${t("back")}</button>`}
      <button class="button" aria-pressed=${finding ? "true" : "false"} onClick=${() => (setFinding(!finding), (wish || id === "find") && go("people"))}><${Icon} name="search" size=${16} /> ${t("directory.find")}</button>
    </${Head}>
    <div class="split">
      ${side}
      ${wish
        ? html`<${Wish} key=${String(route.value.asked)} asked=${route.value.asked} />`
        : finding
        ? html`<${Directory} />`
        : chosen
          ? html`<${Person} key=${chosen.peer} who=${chosen} onFiles=${(list, pin) => sendTo(chosen, list, { trust: chosen.key_changed, pin })} />`
          : html`<div class="empty nobody"><${Icon} name="chat" size=${32} /><p>${t("people.choose")}</p></div>`}
    </div>
  </div>`;
}
