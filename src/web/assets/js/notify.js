// The browser's notifications: of asks, messages and what arrived, while the page is not looked at. Only when allowed,
// and only when asked for in the settings. The same news of several tabs has one tag, so it shows once.

import { signal } from "./lib.js";
import { t } from "./i18n.js";
import { printable } from "./safe.js";
import { go } from "./router.js";
import { onNews } from "./state.js";

const KEY = "sprat-notify";
const possible = "Notification" in globalThis;

const wanted = () => {
  try {
    return localStorage.getItem(KEY) === "1";
  } catch {
    return false;
  }
};

/** "off", "on", "denied" (by the browser) or "none" (it cannot). */
export const notifying = signal(state());

function state() {
  if (!possible) return "none";
  if (Notification.permission === "denied") return "denied";
  return wanted() && Notification.permission === "granted" ? "on" : "off";
}

export async function setNotifying(on) {
  if (possible && on && Notification.permission === "default") await Notification.requestPermission();
  try {
    localStorage.setItem(KEY, on ? "1" : "0");
  } catch {
    // Without storage it stays off.
  }
  notifying.value = state();
}

function show(title, body, tag, tab, rest) {
  const note = new Notification(title, { body: body.slice(0, 200), tag, icon: "/icon.svg" });
  note.onclick = () => {
    window.focus();
    go(tab, rest);
    note.close();
  };
}

export function startNotifying() {
  onNews((news) => {
    if (notifying.value !== "on" || !document.hidden) return;
    const who = printable(news.from);
    const what = printable(news.name);
    if (news.event === "ask") show(t("notify.ask", { who }), what, `ask-${news.ask}`, "inbox");
    if (news.event === "message") show(who, printable(news.text), `message-${news.peer}`, "people", news.peer);
    if (news.event === "received") show(t("notify.received", { who }), what, `received-${news.ask}`, "transfers");
  });
}
