// The rows of the list of files, and its head, which sorts.

import { html } from "../lib.js";
import { t } from "../i18n.js";
import { count, day, percent, percentText, size } from "../format.js";
import { Icon, mediaIcon } from "../icons.js";
import { Name, PathName, printable } from "../safe.js";
import { fetching } from "../state.js";
import { canShow, save, show } from "../bytes.js";

/** `by`: what the node sorts by. The first click on a number shows the largest first. */
function Column({ by, sort, setSort, cls, children }) {
  const on = sort.by === by;
  const desc = on ? !sort.desc : by !== "name";
  return html`<span class=${cls} role="columnheader" aria-sort=${on ? (sort.desc ? "descending" : "ascending") : "none"}>
    <button type="button" onClick=${() => setSort({ by, desc })}>${children}${on && html`<${Icon} name=${sort.desc ? "down" : "up"} size=${12} />`}</button></span>`;
}

export function Header(props) {
  const column = (by, cls) => html`<${Column} by=${by} cls=${cls} ...${props}>${t(`col.${by}`)}</${Column}>`;
  return html`${column("name", "o-name")}${column("size", "o-size num")}${column("holders", "o-holders num")}${column("copies", "o-copies num")}
    <span class="o-owner" role="columnheader">${t("col.owner")}</span>${column("time", "o-time")}<span class="o-do" role="columnheader"><span class="hidden">${t("col.action")}</span></span>`;
}

export function FolderRow({ folder, onOpen, onFetch }) {
  const name = printable(folder.name);
  return html`<span class="o-name" role="gridcell"><span class="kind"><${Icon} name="folder" /></span>
      <button class="folder" tabindex="-1" onClick=${onOpen}><${Name} of=${folder.name} /></button></span>
    <span class="o-size num" role="gridcell">${size(folder.size)}</span>
    <span class="o-rest muted" role="gridcell">${t("files.n", { n: count(folder.files), count: folder.files })}</span>
    <span class="o-do" role="gridcell"><button class="button plain bare" tabindex="-1" title=${t("download")} aria-label=${t("download.what", { name })} onClick=${onFetch}><${Icon} name="download" /></button></span>`;
}

const Ghost = () => html`<span class="o-name" role="gridcell"><span class="kind"></span><span class="ghost"></span><span class="hidden">${t("loading")}</span></span>`;

function Do({ offer, onFetch }) {
  const job = fetching.value.get(offer.id);
  if (job) return html`<a class="chip accent" tabindex="-1" href="#transfers">${percentText(percent(job.done, job.size))}</a>`;
  const name = printable(offer.name);
  const opens = canShow(offer.name) && html`<button class="button plain bare" tabindex="-1" title=${t("open.tab")} aria-label=${t("open.what", { name })} onClick=${() => show(offer)}><${Icon} name="eye" /></button>`;
  if (offer.mine) {
    return html`<span class="chip good" title=${t(offer.shared ? "here.shared" : "here.fetched")}><${Icon} name="check" size=${13} />${t("here")}</span>${opens}
      <a class="button plain bare" tabindex="-1" title=${t("tab.links")} aria-label=${t("link.what", { name })} href=${`#links/${encodeURIComponent(offer.name)}`}><${Icon} name="links" /></a>
      <button class="button plain bare" tabindex="-1" title=${t("save.browser")} aria-label=${t("save.what", { name })} onClick=${() => save(offer)}><${Icon} name="save" /></button>`;
  }
  return html`<button class="button plain bare" tabindex="-1" title=${t("download")} aria-label=${t("download.what", { name })} onClick=${onFetch}><${Icon} name="download" /></button>${opens}`;
}

export function OfferRow({ offer, inFolder, onFetch }) {
  if (!offer) return html`<${Ghost} />`;
  const [owner, ...others] = offer.owners ?? [];
  const shown = inFolder ? offer.name.slice(offer.name.lastIndexOf("/") + 1) : offer.name;
  const whose = owner ? html`<${Name} of=${owner.name} />${others.length > 0 && html`<span class="muted"> +${others.length}</span>`}` : offer.shared ? t("you") : "–";
  return html`<span class="o-name" role="gridcell"><span class="kind"><${Icon} name=${mediaIcon(offer.type)} /></span>
      <span class="o-two"><${PathName} of=${shown} /><span class="o-sub muted small" aria-hidden="true">${size(offer.size)} · ${t("holders.n", { n: offer.holders, count: offer.holders })} · ${whose}</span></span></span>
    <span class="o-size num" role="gridcell">${size(offer.size)}</span>
    <span class="o-holders num" role="gridcell">${count(offer.holders)}</span>
    <span class="o-copies num" role="gridcell">${count(offer.copies)}</span>
    <span class="o-owner cut" role="gridcell">${offer.replica ? html`<span class="chip" title=${t("replica.why")}>${t("replica")}</span>` : whose}</span>
    <span class="o-time muted" role="gridcell">${day(offer.mtime)}</span>
    <span class="o-do" role="gridcell"><${Do} offer=${offer} onFetch=${onFetch} /></span>`;
}
