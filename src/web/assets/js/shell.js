// The frame around the views: tabs, the strip with the node's name and rates, the content with its heading.
// Keyboard: a skip link, tabs by Tab or arrows, and the content takes the focus when a tab is chosen.

import { html, useEffect, useRef } from "./lib.js";
import { t } from "./i18n.js";
import { rate, count } from "./format.js";
import { Icon } from "./icons.js";
import { Name } from "./safe.js";
import { route } from "./router.js";
import { Toasts } from "./toast.js";
import { active, asks, link, node, speed, unread } from "./state.js";
import { Transfers } from "./views/transfers.js";
import { Files } from "./views/files.js";
import { People } from "./views/people.js";
import { Inbox } from "./views/inbox.js";
import { Links } from "./views/links.js";
import { Settings } from "./views/settings.js";
import { Health } from "./views/health.js";

const TABS = [
  { id: "transfers", view: Transfers, badge: () => active.value.length },
  { id: "files", view: Files, fixed: true },
  { id: "people", view: People, fixed: true, badge: () => unread.value, call: true },
  { id: "inbox", view: Inbox, badge: () => asks.value.size, call: true },
  { id: "links", view: Links },
  { id: "settings", view: Settings },
  { id: "health", view: Health },
];

const current = () => TABS.find((tab) => tab.id === route.value.tab) ?? TABS[0];

function Tab({ tab }) {
  const badge = tab.badge?.() ?? 0;
  return html`<li><a class="tab" href=${`#${tab.id}`} aria-current=${current() === tab ? "page" : undefined}>
    <${Icon} name=${tab.id} size=${20} /><span class="label">${t(`tab.${tab.id}`)}</span>
    ${badge > 0 && html`<span class=${`badge ${tab.call ? "call" : ""}`} aria-label=${t(`badge.${tab.id}`, { n: badge })}>${count(badge)}</span>`}
  </a></li>`;
}

/** Arrows go round the tabs. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...event.currentTarget.querySelectorAll(".tab")];
  const at = tabs.indexOf(document.activeElement);
  if (at < 0) return;
  event.preventDefault();
  tabs[(at + step + tabs.length) % tabs.length].focus();
}

function Strip() {
  const { down, up } = speed.value;
  return html`<header class="strip">
    <span class="who cut"><${Name} of=${node.value?.name ?? "sprat"} /></span>
    <span class=${`live ${link.value === "live" ? "" : link.value === "late" ? "late" : "off"}`} role="status">${t(`link.${link.value}`)}</span>
    <span class="speeds">
      <span class="speed"><${Icon} name="down" size=${15} /><span class="hidden">${t("receiving")}</span>${rate(down)}</span>
      <span class="speed"><${Icon} name="up" size=${15} /><span class="hidden">${t("sending")}</span>${rate(up)}</span>
    </span>
  </header>`;
}

export function Shell() {
  const main = useRef(null);
  const shown = useRef(null);
  const tab = current();
  useEffect(() => {
    document.title = `${asks.value.size + unread.value > 0 ? `(${asks.value.size + unread.value}) ` : ""}${t(`tab.${tab.id}`)} · sprat`;
  });
  useEffect(() => {
    if (shown.current !== null && shown.current !== tab.id) {
      main.current.scrollTop = 0;
      main.current.focus({ preventScroll: true });
    }
    shown.current = tab.id;
  }, [tab.id]);
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`<div class="frame">
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <nav class="tabs" aria-label=${t("tabs")} onKeyDown=${arrows}>
      <div class="brand"><img src="/icon.svg" alt="" width="26" height="26" /><span>sprat</span></div>
      <ul>${TABS.map((one) => html`<${Tab} key=${one.id} tab=${one} />`)}</ul>
    </nav>
    <${Strip} />
    <main id="main" ref=${main} tabindex="-1" class=${`main ${tab.fixed ? "fixed" : ""}`} aria-labelledby="heading"><${tab.view} /></main>
    <${Toasts} />
  </div>`;
}
