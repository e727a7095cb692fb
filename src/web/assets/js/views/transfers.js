// Transfers: what runs now, with the rates of the last minutes, and what ended in this sitting.

import { html, useState } from "../lib.js";
import { t } from "../i18n.js";
import { rate, size } from "../format.js";
import { Icon } from "../icons.js";
import { active, ended, node, rates, ready, second, speed } from "../state.js";
import { SECONDS } from "../rates.js";
import { uploads } from "../uploads.js";
import { Curve } from "../parts/curve.js";
import { Head } from "../parts/head.js";
import { Job, Later, Upload } from "./job.js";

const SHOWN = 20;

function Overview() {
  const { down, up } = speed.value;
  return html`<section class="card overview" aria-label=${t("overview")}>
    <dl class="totals">
      <div><dt><span class="key down"></span>${t("receiving")}</dt><dd>${rate(down)}</dd></div>
      <div><dt><span class="key up"></span>${t("sending")}</dt><dd>${rate(up)}</dd></div>
      <div class="since"><dt>${t("received.all")}</dt><dd>${size(node.value?.received ?? 0)}</dd></div>
      <div class="since"><dt>${t("sent.all")}</dt><dd>${size(node.value?.sent ?? 0)}</dd></div>
    </dl>
    <div class="grow"><${Curve} down=${rates.down} up=${rates.up} slots=${SECONDS} height=${92} stamp=${second.value} /></div>
  </section>`;
}

export function Transfers() {
  const [all, setAll] = useState(false);
  const running = active.value;
  const done = ended.value;
  const shown = all ? done : done.slice(0, SHOWN);
  const later = node.value?.later ?? [];
  const nothing = ready.value && later.length + running.length + done.length + uploads.value.length === 0;
  return html`<div class="view">
    <${Head} id="transfers" />
    <${Overview} />
    ${uploads.value.length > 0 && html`<section class="section" aria-labelledby="handing">
      <h2 id="handing">${t("transfers.handing")}</h2>
      <ul class="jobs">${uploads.value.map((one) => html`<${Upload} key=${one.id} upload=${one} />`)}</ul>
    </section>`}
    ${running.length > 0 && html`<section class="section" aria-labelledby="running">
      <h2 id="running">${t("transfers.running", { n: running.length })}</h2>
      <ul class="jobs">${running.map((job) => html`<${Job} key=${job.job} job=${job} />`)}</ul>
    </section>`}
    ${later.length > 0 && html`<section class="section" aria-labelledby="later">
      <h2 id="later">${t("transfers.later")}</h2>
      <ul class="jobs">${later.map((one) => html`<${Later} key=${one.later} later=${one} />`)}</ul>
    </section>`}
    ${done.length > 0 && html`<section class="section" aria-labelledby="ended">
      <h2 id="ended">${t("transfers.ended", { n: done.length })}</h2>
      <ul class="jobs">${shown.map((job) => html`<${Job} key=${job.job} job=${job} />`)}</ul>
      ${done.length > shown.length && html`<div><button class="button plain" onClick=${() => setAll(true)}>${t("show.all", { n: done.length })}</button></div>`}
    </section>`}
    ${nothing && html`<div class="empty"><${Icon} name="transfers" size=${36} /><p>${t("transfers.none")}</p>
      <a class="button primary" href="#files">${t("transfers.look")}</a></div>`}
  </div>`;
}
