// What lies behind a transfer's row: piece map, rate curve, sources or receivers, where it goes, what failed.

import { html, useEffect, useMemo, useRef, useState } from "../lib.js";
import { t } from "../i18n.js";
import { count, duration, percent, percentText, rate, size, when } from "../format.js";
import { Name, printable } from "../safe.js";
import { isActive, rates, second } from "../state.js";
import { SECONDS } from "../rates.js";
import { get } from "../api.js";
import { Curve } from "../parts/curve.js";
import { PieceMap } from "../parts/piecemap.js";
import { Copy } from "../parts/copy.js";

/** The map as it is now: asked for again when more is here, once a second at most (`second` is the clock). */
function useMap(job) {
  const [map, setMap] = useState(null);
  const asked = useRef({ done: -1, busy: false, alive: true }).current;
  const live = isActive(job) && job.kind !== "send";
  useEffect(() => () => {
    asked.alive = false;
  }, []);
  useEffect(() => {
    if (!live || asked.busy || asked.done === job.done) return;
    asked.busy = true;
    asked.done = job.done;
    get(`/jobs/${job.job}/have`)
      .then((got) => asked.alive && setMap(got), () => {})
      .finally(() => (asked.busy = false));
  }, [second.value, live]);
  return live ? map : null;
}

function Pieces({ job }) {
  const map = useMap(job);
  const cells = useMemo(() => map && Float32Array.from(map.cells, (cell) => cell / 255), [map]);
  if (job.kind === "send") return null;
  if (!isActive(job)) {
    if (job.state !== "done") return null;
    return html`<${Block} title=${t("pieces")}><${PieceMap} parts=${[1]} pieces=${1} here=${1} height=${12} stamp="all" /></${Block}>`;
  }
  if (!map) return html`<${Block} title=${t("pieces")}><div class="canvas pieces waiting"></div></${Block}>`;
  return html`<${Block} title=${t("pieces")} note=${t("pieces.of", { here: count(map.have), n: count(map.chunks) })}>
    <${PieceMap} parts=${cells} pieces=${map.chunks} here=${map.have} stamp=${map} /></${Block}>`;
}

const Block = ({ title, note, children }) => html`<div class="block"><div class="row"><h3 class="grow">${title}</h3>${note && html`<span class="muted small">${note}</span>`}</div>${children}</div>`;

function Sources({ job }) {
  const rows = job.sources ?? [];
  if (job.kind === "send" || rows.length === 0) return null;
  const all = rows.reduce((sum, row) => sum + row.bytes, 0);
  return html`<${Block} title=${t("sources")}><div class="scroll"><table class="plain">
    <thead><tr><th scope="col">${t("col.who")}</th><th scope="col">${t("col.path")}</th><th scope="col" class="num">${t("col.rate")}</th><th scope="col" class="num">${t("col.bytes")}</th><th scope="col">${t("col.share")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.peer}><td><${Name} of=${row.name} /></td><td><span class="chip">${printable(row.via)}</span></td>
      <td class="num">${rate(row.rate)}</td><td class="num">${size(row.bytes)}</td>
      <td class="sharecell"><span class="row"><span class="bar grow"><i style=${{ transform: `scaleX(${all > 0 ? row.bytes / all : 0})` }}></i></span><span class="sharenum">${percentText(percent(row.bytes, all || 1))}</span></span></td></tr>`)}</tbody>
  </table></div></${Block}>`;
}

function Receivers({ job }) {
  if (job.kind !== "send" || !job.to?.length) return null;
  return html`<${Block} title=${t("receivers")}><div class="scroll"><table class="plain">
    <thead><tr><th scope="col">${t("col.who")}</th><th scope="col">${t("col.state")}</th><th scope="col" class="num">${t("col.done")}</th></tr></thead>
    <tbody>${job.to.map((row, at) => html`<tr key=${at}><td><${Name} of=${row.to} /></td>
      <td>${t(row.state === "waiting" ? "state.waiting.send" : `state.${row.state}`)}${row.error && html`<div class="small muted">${printable(row.error)}</div>`}</td>
      <td class="num">${size(row.done)} / ${size(row.size)}</td></tr>`)}</tbody>
  </table></div></${Block}>`;
}

function Facts({ job }) {
  return html`<dl class="facts small">
    ${job.path && html`<dt>${t("goes.to")}</dt><dd class="row"><bdi class="mono">${printable(job.path)}</bdi><${Copy} text=${job.path} /></dd>`}
    ${job.id && html`<dt>${t("id")}</dt><dd class="row"><span class="mono">${printable(job.id)}</span></dd>`}
    <dt>${t("started")}</dt><dd>${when(job.started)}</dd>
    ${job.ended && html`<dt>${t("took")}</dt><dd>${duration(job.ended - job.started)}</dd>`}
  </dl>`;
}

export function Details({ job, id }) {
  const curve = rates.of(job.job);
  return html`<div class="details" id=${id}>
    <div class="pair">
      <${Pieces} job=${job} />
      ${isActive(job) && html`<${Block} title=${t("curve")}><${Curve} down=${curve} slots=${SECONDS} height=${74} stamp=${second.value} /></${Block}>`}
    </div>
    <${Sources} job=${job} />
    <${Receivers} job=${job} />
    ${job.errors?.length > 0 && html`<${Block} title=${t("errors")}><ul class="small errors">${job.errors.map((one, at) => html`<li key=${at}><${Name} of=${one.name} />: ${printable(one.error)}</li>`)}</ul></${Block}>`}
    <${Facts} job=${job} />
  </div>`;
}
