// What happens at the node, as a word at the edge of the page: asks, messages, what arrived, and what somebody should know.
// One word for each matter at a time: a flood of messages of one person is one word.

import { html } from "./lib.js";
import { parts, t } from "./i18n.js";
import { Name, printable } from "./safe.js";
import { route } from "./router.js";
import { onNews } from "./state.js";
import { toast } from "./toast.js";

const name = (of) => html`<${Name} of=${of} />`;
const to = (tab, rest = "") => html` <a href=${`#${tab}${rest && `/${encodeURIComponent(rest)}`}`}>${t(`tab.${tab}`)}</a>`;

const TOLD = {
  ask: (news) => route.value.tab !== "inbox" && [html`${parts("news.ask", { who: name(news.from), what: name(news.name) })}${to("inbox")}`, ""],
  message: (news) => route.value.rest !== news.peer && [html`${name(news.from)}: ${name(news.text)}${to("people", news.peer)}`, ""],
  received: (news) => [html`${parts(news.complete ? "news.received" : "news.broken", { who: name(news.from), what: name(news.name) })} ${news.error && printable(news.error)}`, news.complete ? "good" : "bad"],
  gone: (news) => [parts("news.gone", { who: name(news.from) }), ""],
  dropped: (news) => [html`${parts("news.dropped", { who: name(news.name) })} ${printable(news.why)}`, "bad"],
  samekey: (news) => [parts("news.samekey", { who: name(news.name), where: printable(news.address) }), "bad"],
  notice: (news) => [printable(news.text), ""],
};

export function startNews() {
  onNews((news) => {
    if (document.hidden || !Object.hasOwn(TOLD, news.event)) return;
    const told = TOLD[news.event](news);
    if (told) toast(told[0], told[1], `${news.event} ${news.peer ?? ""} ${news.ask ?? ""}`);
  });
}
