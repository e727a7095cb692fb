// Links: files for people on this network who have only a browser. Made here, shown with a QR code, taken back.

import { html, useEffect, useState } from "../lib.js";
import { t } from "../i18n.js";
import { count, day, size } from "../format.js";
import { Icon } from "../icons.js";
import { PathName, printable } from "../safe.js";
import { get, post, remove } from "../api.js";
import { go, route } from "../router.js";
import { toast } from "../toast.js";
import { Canvas } from "../parts/canvas.js";
import { Copy } from "../parts/copy.js";
import { Head } from "../parts/head.js";

/** Light modules around a code; without them cameras do not find it. */
const QUIET = 4;
const SIDE = 180;
const LASTS = [0, 3600, 86400, 604800];

function Qr({ rows }) {
  const paint = (context, width) => {
    const side = Math.min(width, SIDE);
    const module = Math.floor(side / (rows.length + 2 * QUIET));
    context.fillStyle = "#fff";
    context.fillRect(0, 0, module * (rows.length + 2 * QUIET), module * (rows.length + 2 * QUIET));
    context.fillStyle = "#000";
    rows.forEach((row, y) => [...row].forEach((dark, x) => dark === "1" && context.fillRect((x + QUIET) * module, (y + QUIET) * module, module, module)));
  };
  return html`<${Canvas} paint=${paint} height=${SIDE} label=${t("links.qr")} data=${rows.join()} />`;
}

function Row({ link, onGone }) {
  const gone = () => remove(`/links/${link.link}`).then(onGone, (error) => toast(error.message, "bad"));
  return html`<li class="card pad stack" data-link=${link.link}>
    <h2>${link.upload ? t("links.upload") : html`<${PathName} of=${link.name} />`}</h2>
    <p class="row wrap small muted">${!link.upload && html`<span>${t("files.n", { n: count(link.files), count: link.files })}, ${size(link.size)}</span>`}
      ${link.pin && html`<span class="mono">${t("links.pin.is", { pin: printable(link.pin) })}</span>`}
      ${link.expires && html`<span>${t("links.until", { when: day(link.expires) })}</span>`}
      <span>${t("links.used", { n: count(link.used) })}${link.uses ? ` / ${link.uses}` : ""}</span></p>
    <p class="row wrap"><a class="mono" href=${link.address} target="_blank" rel="noopener noreferrer">${link.address}</a> <${Copy} text=${link.address} /></p>
    <p class="small muted">${link.tls ? html`${t("links.tls")} <bdi class="mono">${link.fingerprint}</bdi>` : t("links.plain")}</p>
    ${link.qr && html`<${Qr} rows=${link.qr} />`}
    <div><button class="button" onClick=${gone}><${Icon} name="cancel" size=${16} /> ${t("links.revoke")}</button></div>
  </li>`;
}

function Make({ onMade }) {
  const [what, setWhat] = useState(route.value.rest);
  const [lasts, setLasts] = useState(0);
  const [once, setOnce] = useState(false);
  const [pin, setPin] = useState(false);
  const [tls, setTls] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => setWhat(route.value.rest), [route.value.rest]);
  const make = async (event, upload) => {
    event.preventDefault();
    const words = what.split("\n").map((word) => word.trim()).filter(Boolean);
    setBusy(true);
    try {
      const link = await post("/links", {
        ...(upload ? { upload } : { paths: words.filter((word) => word.startsWith("/")), names: words.filter((word) => !word.startsWith("/")) }),
        ...(lasts && { expires: lasts }), ...(once && { uses: 1 }), ...(pin && { pin: "" }), tls,
      });
      go("links");
      onMade(link.link);
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      setBusy(false);
    }
  };
  const box = (id, value, set) => html`<label class="row"><input type="checkbox" id=${`link-${id}`} checked=${value} onChange=${(event) => set(event.currentTarget.checked)} /> ${t(`links.${id}`)}</label>`;
  return html`<form class="card pad stack" onSubmit=${(event) => make(event, false)}>
    <div class="field"><label for="link-what">${t("links.what")}</label>
      <textarea id="link-what" class="mono" rows="2" spellcheck="false" value=${what} onInput=${(event) => setWhat(event.currentTarget.value)}></textarea>
      <span class="help">${t("links.what.help")}</span></div>
    <div class="field"><label for="link-lasts">${t("links.lasts")}</label>
      <select id="link-lasts" value=${lasts} onChange=${(event) => setLasts(Number(event.currentTarget.value))}>
        ${LASTS.map((seconds) => html`<option key=${seconds} value=${seconds}>${t(`links.lasts.${seconds}`)}</option>`)}</select></div>
    ${box("once", once, setOnce)}${box("pin", pin, setPin)}${box("tls.only", tls, setTls)}
    <div class="row wrap"><button class="button primary" disabled=${busy || !what.trim()}>${t("links.make")}</button>
      <button type="button" class="button" disabled=${busy} onClick=${(event) => make(event, true)}>${t("links.make.upload")}</button></div>
  </form>`;
}

export function Links() {
  const [links, setLinks] = useState(null);
  const [made, setMade] = useState(0);
  // The newest first: it is what somebody wants to show.
  const read = () => get("/links").then((said) => setLinks(said.links.reverse()), (error) => toast(error.message, "bad"));
  useEffect(() => {
    read();
  }, []);
  // It stands below the form, where a phone does not show it by itself.
  useEffect(() => {
    if (made) document.querySelector(`[data-link="${made}"]`)?.scrollIntoView({ block: "start" });
  }, [made, links]);
  return html`<div class="view narrow">
    <${Head} id="links" />
    <p class="muted">${t("links.why")}</p>
    <${Make} onMade=${(number) => read().then(() => setMade(number))} />
    ${links?.length === 0 && html`<p class="muted">${t("links.none")}</p>`}
    <ul class="asks">${links?.map((link) => html`<${Row} key=${link.link} link=${link} onGone=${read} />`)}</ul>
  </div>`;
}
