// One transfer: a row with its progress, and behind it where the bytes come from, the piece map and the rate curve.

import { html, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { count, duration, percent, percentText, rate, size, when } from "../format.js";
import { Icon } from "../icons.js";
import { Name, PathName, printable } from "../safe.js";
import { isActive, takeJob } from "../state.js";
import { post, remove } from "../api.js";
import { toast } from "../toast.js";
import { canShow, save, show } from "../bytes.js";
import { Bar } from "../parts/bar.js";
import { Details } from "./details.js";

const KIND = { download: "download", send: "send", receive: "inbox" };
const CHIP = { running: "accent", waiting: "warn", asking: "warn", paused: "", done: "good", failed: "bad", cancelled: "" };
const BAR = { done: "good", failed: "bad", running: "" };
/** States in which sprat waits for somebody: the words differ by what is waited for. */
const stateWord = (job) => t(job.state === "waiting" ? `state.waiting.${job.kind}` : `state.${job.state}`);

async function act(job, what) {
  try {
    takeJob(await post(`/jobs/${job.job}/${what}`));
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** Whom it is from or for. */
function Whom({ job }) {
  if (job.kind === "send" && job.to?.length) {
    const [first, ...others] = job.to;
    const more = others.length > 0 ? ` +${others.length}` : "";
    return html`<span class="cut">${parts("to.who", { who: html`<${Name} of=${first.to} />` })}${more}</span>`;
  }
  if (job.from) return html`<span class="cut">${parts("from.who", { who: html`<${Name} of=${job.from.name} />` })}</span>`;
  return null;
}

/** Figures in columns of fixed width, so that nothing moves when they change. */
function Figures({ job }) {
  if (!isActive(job)) {
    return html`<span class="figures"><span class="f-size">${size(job.size)}</span><span class="f-time">${when(job.ended)}</span></span>`;
  }
  const sources = job.holders ?? job.sources?.length ?? 0;
  return html`<span class="figures">
    <span class="f-size">${job.size > 0 ? html`${size(job.done)} / ${size(job.size)}` : "–"}</span>
    <span class="f-rate">${rate(job.rate)}</span>
    <span class="f-eta">${job.eta == null ? "–" : duration(job.eta)}</span>
    ${job.kind !== "send" && html`<span class="f-from">${t("sources.n", { n: sources, count: sources })}</span>`}
  </span>`;
}

/** The same download again: it goes on from what is here. Only where its words are known for certain. */
const wordsOf = (job) => (job.kind !== "download" || job.state === "done" ? null : (job.id ?? (/\/$/.test(job.name) ? job.name : null)));

function Again({ job }) {
  const words = wordsOf(job);
  if (!words) return null;
  const again = () => post("/downloads", { what: [words] }).catch((error) => toast(error.message, "bad"));
  return html`<span class="actions"><button class="button plain bare" aria-label=${t("again.what", { name: printable(job.name) })} title=${t("again")} onClick=${again}><${Icon} name="again" /></button></span>`;
}

/** The bytes of one file that is here, for this browser. */
function Bytes({ job }) {
  const name = printable(job.name);
  return html`<span class="actions">
    ${canShow(job.name) && html`<button class="button plain bare" aria-label=${t("open.what", { name })} title=${t("open.tab")} onClick=${() => show(job)}><${Icon} name="eye" /></button>`}
    <button class="button plain bare" aria-label=${t("save.what", { name })} title=${t("save.browser")} onClick=${() => save(job)}><${Icon} name="save" /></button>
  </span>`;
}

function Actions({ job }) {
  const name = printable(job.name);
  return html`<span class="actions">
    ${job.pausable && job.state !== "paused" && html`<button class="button plain bare" aria-label=${t("pause.what", { name })} title=${t("pause")} onClick=${() => act(job, "pause")}><${Icon} name="pause" /></button>`}
    ${job.state === "paused" && html`<button class="button plain bare" aria-label=${t("resume.what", { name })} title=${t("resume")} onClick=${() => act(job, "resume")}><${Icon} name="resume" /></button>`}
    <button class="button plain bare" aria-label=${t("cancel.what", { name })} title=${t("cancel")} onClick=${() => act(job, "cancel")}><${Icon} name="cancel" /></button>
  </span>`;
}

export function Job({ job }) {
  const [open, setOpen] = useState(false);
  const live = isActive(job);
  const share = percent(job.done, job.size);
  const id = `job-${job.job}`;
  return html`<li class=${`card job ${live ? "" : "over"}`} data-job=${job.job} data-state=${job.state}>
    <div class="jobline">
      <button class="open" aria-expanded=${open ? "true" : "false"} aria-controls=${id} onClick=${() => setOpen(!open)}>
        <span class=${`kind ${job.kind}`}><${Icon} name=${KIND[job.kind] ?? "file"} /></span>
        <span class="what"><${PathName} of=${job.name} /><span class="hidden">${t(`kind.${job.kind}`)}</span></span>
        <span class=${`turn ${open ? "down" : ""}`}><${Icon} name="chevron" size=${15} /></span>
      </button>
      ${live ? html`<${Actions} job=${job} />` : job.state === "done" && job.kind !== "send" && job.id ? html`<${Bytes} job=${job} />` : html`<${Again} job=${job} />`}
    </div>
    ${live && html`<${Bar} value=${share} label=${t("progress")} kind=${BAR[job.state] ?? "still"} />`}
    <div class="jobfoot">
      <span class=${`chip ${CHIP[job.state] ?? ""}`}>${stateWord(job)}</span>
      ${live && html`<span class="f-share">${percentText(share)}</span>`}
      <${Whom} job=${job} />
      ${job.files > 1 && html`<span class="muted f-files">${t("files.of", { done: count(job.files_done), n: count(job.files), count: job.files })}</span>`}
      <${Figures} job=${job} />
    </div>
    ${job.error && html`<p class="joberror"><${Icon} name="alert" size=${15} /><span>${printable(job.error)}</span></p>`}
    ${open && html`<${Details} job=${job} id=${id} />`}
  </li>`;
}

/** Files that wait for somebody who is not here. */
export function Later({ later }) {
  const take = () => remove(`/later/${later.later}`).catch((error) => toast(error.message, "bad"));
  return html`<li class="card job">
    <div class="jobline">
      <span class="open"><span class="kind"><${Icon} name="send" /></span><span class="what"><${PathName} of=${later.name} /></span></span>
      <span class="actions"><button class="button plain bare" aria-label=${t("later.take", { name: printable(later.name) })} title=${t("cancel")} onClick=${take}><${Icon} name="cancel" /></button></span>
    </div>
    <div class="jobfoot"><span class="chip">${t("state.waiting.send")}</span><span class="cut">${parts("to.who", { who: html`<${Name} of=${later.to} />` })}</span>
      <span class="figures"><span class="f-time">${t("since", { when: when(later.since) })}</span></span></div>
  </li>`;
}

/** Something on its way from this browser to the node. */
export function Upload({ upload }) {
  const share = percent(upload.done, upload.size);
  return html`<li class="card job">
    <div class="jobline">
      <span class="open"><span class="kind"><${Icon} name="up" /></span><span class="what"><${PathName} of=${upload.title} /></span></span>
      <span class="actions"><button class="button plain bare" aria-label=${t("cancel.what", { name: printable(upload.title) })} title=${t("cancel")} onClick=${upload.stop}><${Icon} name="cancel" /></button></span>
    </div>
    <${Bar} value=${share} label=${t("progress")} />
    <div class="jobfoot"><span class="chip accent">${t(`handing.${upload.kind}`)}</span><span class="f-share">${percentText(share)}</span>
      ${upload.to && html`<span class="cut">${parts("to.who", { who: html`<${Name} of=${upload.to} />` })}</span>`}
      <span class="figures"><span class="f-size">${size(upload.done)} / ${size(upload.size)}</span></span></div>
  </li>`;
}
