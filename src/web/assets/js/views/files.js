// Files: what the swarm offers. Search as you type, by folder or all at once, fetch with one click; drop files to share.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { count } from "../format.js";
import { Icon } from "../icons.js";
import { Name, printable } from "../safe.js";
import { ready, revision } from "../state.js";
import { post } from "../api.js";
import { go } from "../router.js";
import { share } from "../uploads.js";
import { toast } from "../toast.js";
import { Offers } from "../offers.js";
import { VirtualList } from "../parts/vlist.js";
import { DropZone, Pick } from "../parts/drop.js";
import { Head } from "../parts/head.js";
import { FolderRow, Header, OfferRow } from "./offer.js";

const REFRESH = 2000;

/** Starts a download; where it goes on is a click away. */
async function fetchWhat(what, name) {
  try {
    await post("/downloads", { what: [what] });
    toast(html`${parts("download.started", { name: html`<${Name} of=${name} />` })} <a href="#transfers">${t("tab.transfers")}</a>`, "good");
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** The folder that is shown, as a way back up. */
function Crumbs({ folder, setFolder }) {
  if (folder === "/") return null;
  const names = folder.replace(/\/$/, "").split("/");
  return html`<nav class="crumbs" aria-label=${t("folder")}><button class="button plain" onClick=${() => setFolder("/")}><${Icon} name="up" size=${15} /> ${t("folder.top")}</button>
    ${names.map((name, at) => html`<span key=${at} class="row"><span class="muted" aria-hidden="true">/</span>
      <button class="button plain" aria-current=${at === names.length - 1 ? "location" : undefined} onClick=${() => setFolder(`${names.slice(0, at + 1).join("/")}/`)}><${Name} of=${name} /></button></span>`)}</nav>`;
}

function Gaps({ gaps }) {
  const missing = (gaps?.nodes?.length ?? 0) + (gaps?.scanning?.length ?? 0);
  if (missing === 0) return null;
  const names = [...(gaps.nodes ?? []), ...(gaps.scanning ?? [])].map((row) => printable(row.name)).join(", ");
  return html`<p class="small muted gaps" title=${names}><${Icon} name="alert" size=${14} /> ${t("gaps.n", { n: missing, count: missing })}</p>`;
}

export function Files() {
  const [words, setWords] = useState("");
  const [folder, setFolder] = useState(null);
  const [sort, setSort] = useState({ by: "name", desc: false });
  const source = useMemo(() => new Offers(), []);
  const search = useRef(null);
  source.version.value;

  // A search goes through everything, wherever one stands.
  const place = words ? null : folder;
  const question = JSON.stringify([words, place, sort]);
  // Before the next paint: a key must not wait for a frame.
  useLayoutEffect(() => source.ask({ q: words, folder: place ?? "", sort: sort.by, desc: sort.desc }), [question]);
  useEffect(() => {
    const timer = setTimeout(() => source.refresh(), REFRESH);
    return () => clearTimeout(timer);
  }, [revision.value]);
  useEffect(() => {
    // As in many lists of this kind: `/` goes to the search.
    const slash = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
      event.preventDefault();
      search.current.focus();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);

  const { folders } = source;
  const total = folders.length + source.total;
  const open = (index) => {
    if (index < folders.length) return setFolder(folders[index].folder);
    const offer = source.at(index - folders.length);
    if (offer && !offer.mine) fetchWhat(offer.id, offer.name);
  };
  const row = (index) => {
    if (index < folders.length) {
      const one = folders[index];
      return html`<${FolderRow} folder=${one} onOpen=${() => setFolder(one.folder)} onFetch=${() => fetchWhat(one.folder, one.folder)} />`;
    }
    const offer = source.at(index - folders.length);
    return html`<${OfferRow} offer=${offer} inFolder=${place !== null} onFetch=${() => fetchWhat(offer.id, offer.name)} />`;
  };
  const keys = (event, index) => {
    if (event.target !== event.currentTarget.querySelector(`[data-index="${index}"]`)) return;
    if (event.key === "Enter") (event.preventDefault(), open(index));
    if (event.key === "d" && index < folders.length) (event.preventDefault(), fetchWhat(folders[index].folder, folders[index].folder));
    if (event.key === "Backspace" && place && place !== "/") (event.preventDefault(), setFolder(place.replace(/[^/]+\/$/, "") || "/"));
  };
  const shared = (list) => share(list) && go("transfers");
  const found = source.busy && source.total === 0 ? "" : t("files.found", { n: count(source.total), count: source.total });

  return html`<${DropZone} cls="view" onFiles=${shared} hint=${t("drop.share")}>
    <${Head} id="files">
      <${Pick} onFiles=${shared} folder=${true}><${Icon} name="folder" size=${16} /> ${t("share.folder")}</${Pick}>
      <${Pick} onFiles=${shared} cls="primary"><${Icon} name="share" size=${16} /> ${t("share.files")}</${Pick}>
    </${Head}>
    <div class="row wrap tools" role="search">
      <div class="search"><${Icon} name="search" size=${16} />
        <input ref=${search} type="search" autocomplete="off" spellcheck="false" placeholder=${t("search.hint")} aria-label=${t("search")} value=${words} onInput=${(event) => setWords(event.currentTarget.value)} /></div>
      <div class="seg" role="group" aria-label=${t("files.as")}>
        <button aria-pressed=${folder === null ? "true" : "false"} onClick=${() => setFolder(null)}>${t("files.flat")}</button>
        <button aria-pressed=${folder === null ? "false" : "true"} onClick=${() => setFolder("/")}>${t("files.folders")}</button>
      </div>
      <span class="muted small found" role="status">${found}</span>
    </div>
    ${place !== null && html`<${Crumbs} folder=${place} setFolder=${setFolder} />`}
    <${Gaps} gaps=${source.gaps} />
    ${source.error && html`<p class="banner bad" role="alert">${source.error.message}</p>`}
    ${total === 0 && !source.busy && ready.value
      ? html`<div class="empty"><${Icon} name="files" size=${36} /><p>${t(words ? "files.nomatch" : "files.none")}</p></div>`
      : html`<${VirtualList} total=${total} height=${48} row=${row} onKey=${keys} label=${t("tab.files")} columns="offers" reset=${question} busy=${source.busy}
          onRange=${(first, last) => source.need(first - folders.length, last - folders.length)}
          header=${html`<${Header} sort=${sort} setSort=${setSort} />`} />`}
  </${DropZone}>`;
}
