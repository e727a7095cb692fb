// Health: whether it is safe to leave, copies, servers, what the doctor says, the log.

import { html, useEffect, useRef, useState } from "../lib.js";
import { t } from "../i18n.js";
import { count, percent, size, when } from "../format.js";
import { Icon } from "../icons.js";
import { printable } from "../safe.js";
import { addLog, log, node } from "../state.js";
import { get, post } from "../api.js";
import { toast } from "../toast.js";
import { Bar } from "../parts/bar.js";
import { Head } from "../parts/head.js";

/** Whether what this node shares would still be there without it. */
function Safe({ safe }) {
  const kind = safe.reading ? "info" : safe.to_leave ? "good" : "";
  const key = safe.reading ? "safe.reading" : safe.files === 0 ? "safe.nothing" : safe.to_leave ? "safe.yes" : "safe.no";
  return html`<div class=${`banner ${kind}`} role="status"><${Icon} name=${safe.to_leave && !safe.reading ? "shield" : "alert"} size=${22} />
    <div><strong>${t(key)}</strong>${safe.files > 0 && !safe.reading && html`<div class="small">${t("safe.copies", { n: count(safe.elsewhere), files: count(safe.files), count: safe.files })}${safe.downloads > 0 && html` ${t("safe.downloads", { n: count(safe.downloads), count: safe.downloads })}`}</div>`}</div></div>`;
}

const Card = ({ title, children }) => html`<section class="card pad tile"><h2>${title}</h2>${children}</section>`;

function Tiles({ status }) {
  const { replicas, leftovers, servers, scanning } = status;
  return html`<div class="tiles">
    <${Card} title=${t("health.shared")}><p class="big">${t("files.n", { n: count(status.shared_files), count: status.shared_files })}</p><p class="muted">${size(status.shared_bytes)}</p>
      ${scanning && html`<${Bar} value=${percent(scanning.done, scanning.total ?? 0)} label=${t("health.scanning")} /><p class="small muted">${t("health.scanning")}</p>`}</${Card}>
    <${Card} title=${t("health.kept")}><p class="big">${size(replicas.used)}</p><p class="muted">${replicas.quota > 0 ? t("health.quota", { size: size(replicas.quota) }) : t("health.noquota")}</p>
      ${replicas.quota > 0 && html`<${Bar} value=${percent(replicas.used, replicas.quota)} label=${t("health.kept")} kind="still" />`}</${Card}>
    <${Card} title=${t("health.net")}><p class="big">${t("nodes.n", { n: count(status.peers), count: status.peers })}</p>
      <ul class="small muted">${status.addresses.slice(0, 4).map((address) => html`<li key=${address} class="mono cut">${printable(address)}</li>`)}</ul></${Card}>
    ${servers.length > 0 && html`<${Card} title=${t("health.servers")}><ul>${servers.map((server, at) => html`<li key=${at} class="row"><span class=${`dot ${server.joined ? "here" : ""}`} aria-hidden="true"></span><bdi class="grow cut">${printable(server.address)}</bdi><span class="small muted">${t(server.joined ? "server.joined" : "server.away")}</span></li>`)}</ul></${Card}>`}
    ${leftovers.files > 0 && html`<${Card} title=${t("health.leftovers")}><p class="big">${size(leftovers.bytes)}</p><p class="small muted">${t("health.leftovers.n", { n: count(leftovers.files), count: leftovers.files })}</p></${Card}>`}
  </div>`;
}

function Log() {
  const [level, setLevel] = useState("INFO");
  const box = useRef(null);
  const low = useRef(true);
  useEffect(() => {
    get("/log?after=0").then((got) => addLog(got.lines ?? []), () => {});
  }, []);
  const shown = log.value.filter((line) => level === "INFO" || line.level === "WARN" || line.level === "ERROR");
  useEffect(() => {
    if (low.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.length]);
  const scrolled = ({ currentTarget: at }) => {
    low.current = at.scrollHeight - at.scrollTop - at.clientHeight < 30;
  };
  return html`<section class="section" aria-labelledby="log"><div class="row"><h2 id="log">${t("log")}</h2>
    <div class="seg" role="group" aria-label=${t("log.which")}>${["INFO", "WARN"].map((one) => html`<button key=${one} aria-pressed=${level === one ? "true" : "false"} onClick=${() => setLevel(one)}>${t(`log.${one}`)}</button>`)}</div></div>
    <div class="card log" ref=${box} tabindex="0" role="group" aria-label=${t("log")} onScroll=${scrolled}>
      ${shown.length === 0 && html`<span class="muted">${t("log.none")}</span>`}
      ${shown.map((line) => html`<div key=${line.n} class=${String(line.level).toLowerCase() === "warn" ? "warn" : line.level === "ERROR" ? "error" : ""}><span class="muted">${when(line.time)}</span> ${printable(line.text)}</div>`)}</div></section>`;
}

/** Looks at the networks, as `sprat doctor` does, when somebody wants it. */
function Doctor() {
  const [found, setFound] = useState(null);
  const [looking, setLooking] = useState(false);
  const look = async () => {
    setLooking(true);
    try {
      setFound(await get("/doctor"));
    } catch (error) {
      toast(error.message, "bad");
    }
    setLooking(false);
  };
  const said = (found?.lines ?? []).filter((line) => line.event === "conclusion");
  return html`<section class="section" aria-labelledby="doctor"><div class="row"><h2 id="doctor">${t("doctor")}</h2>
    <button class="button" id="look" disabled=${looking} onClick=${look}>${t(looking ? "doctor.looking" : "doctor.look")}</button></div>
    <div role="status">${found && html`<div class=${`banner ${found.healthy ? "good" : ""}`}><${Icon} name=${found.healthy ? "shield" : "alert"} size=${22} />
      <ul class="grow">${said.map((line, at) => html`<li key=${at}><strong>${printable(line.what)}</strong>${line.cure && html`<div class="small">${printable(line.cure)}</div>`}</li>`)}</ul></div>`}</div>
    ${!found && html`<p class="small muted">${t("doctor.help")}</p>`}</section>`;
}

function Leave() {
  const [sure, setSure] = useState(false);
  const leave = () => post("/leave").then(() => toast(t("leave.done")), (error) => toast(error.message, "bad"));
  return html`<section class="section" aria-labelledby="leave"><h2 id="leave">${t("leave")}</h2><div class="row wrap">
    ${sure
      ? html`<button class="button danger" onClick=${leave}>${t("leave.sure")}</button><button class="button plain" onClick=${() => setSure(false)}>${t("leave.stay")}</button>`
      : html`<button class="button" onClick=${() => setSure(true)}>${t("leave.node")}</button>`}
    <span class="small muted">${t("leave.help")}</span></div></section>`;
}

export function Health() {
  const status = node.value;
  return html`<div class="view"><${Head} id="health" />
    ${status && html`<${Safe} safe=${status.safe} /><${Tiles} status=${status} />`}
    <${Doctor} /><${Log} /><${Leave} /></div>`;
}
