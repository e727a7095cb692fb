// Settings: the limits of the node, its name and its room for others, and what this browser does (language, notifications).

import { html, useEffect, useState } from "../lib.js";
import { LANGUAGES, choose, chosen, t } from "../i18n.js";
import { parseSize, sizeField } from "../format.js";
import { printable } from "../safe.js";
import { get, locked, patch, remove } from "../api.js";
import { toast } from "../toast.js";
import { notifying, setNotifying } from "../notify.js";
import { Head } from "../parts/head.js";

/** The least rate that the node takes, in bytes a second. */
const LEAST = 1024;

/** A rate: empty is none. */
function Limit({ id, value, onSave }) {
  const [text, setText] = useState(sizeField(value));
  useEffect(() => setText(sizeField(value)), [value]);
  const bytes = parseSize(text);
  const bad = bytes === undefined || (bytes !== null && bytes < LEAST);
  const save = (event) => {
    event.preventDefault();
    if (!bad) onSave(bytes);
  };
  return html`<form class="field" onSubmit=${save}>
    <label for=${id}>${t(`setting.${id}`)}</label>
    <div class="row"><input id=${id} type="text" inputmode="decimal" autocomplete="off" placeholder=${t("nolimit")} value=${text} aria-invalid=${bad ? "true" : "false"} aria-describedby=${`${id}-help`} onInput=${(event) => setText(event.currentTarget.value)} />
      <button class="button" disabled=${bad || bytes === (value ?? null)}>${t("save")}</button></div>
    <span id=${`${id}-help`} class=${bad ? "error" : "help"}>${bad ? t("setting.bad") : t("setting.limit.help")}</span>
  </form>`;
}

/** A text that the node keeps; `read` gives what is saved, or undefined. */
function Kept({ id, shown, help, read, onSave }) {
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const value = read(text);
  const bad = value === undefined;
  const save = (event) => {
    event.preventDefault();
    if (!bad) onSave(value);
  };
  return html`<form class="field" onSubmit=${save}>
    <label for=${id}>${t(`setting.${id}`)}</label>
    <div class="row"><input id=${id} type="text" autocomplete="off" value=${text} aria-invalid=${bad ? "true" : "false"} aria-describedby=${`${id}-help`} onInput=${(event) => setText(event.currentTarget.value)} />
      <button class="button" disabled=${bad || text === shown}>${t("save")}</button></div>
    <span id=${`${id}-help`} class=${bad ? "error" : "help"}>${t(help)}</span>
  </form>`;
}

/** 1 to 64 bytes. */
const nameOf = (text) => (text.trim() && new TextEncoder().encode(text.trim()).length <= 64 ? text.trim() : undefined);
const bytesOf = (text) => parseSize(text) ?? undefined;

const Fact = ({ name, children }) => html`<div class="field"><span class="label">${t(`setting.${name}`)}</span><span>${children}</span></div>`;

function Browser() {
  const kind = notifying.value;
  return html`<section class="section" aria-labelledby="here-settings"><h2 id="here-settings">${t("settings.browser")}</h2><div class="card pad fields">
    <div class="field"><label for="language">${t("setting.language")}</label>
      <select id="language" value=${chosen.value} onChange=${(event) => choose(event.currentTarget.value)}>
        <option value="">${t("language.auto")}</option>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></div>
    <div class="field"><span class="label" id="notify-label">${t("setting.notify")}</span>
      ${kind === "on" || kind === "off"
        ? html`<div><button class="button" aria-pressed=${kind === "on" ? "true" : "false"} aria-describedby="notify-label" onClick=${() => setNotifying(kind !== "on")}>${t(`notify.${kind}`)}</button></div>`
        : html`<span class="muted">${t(`notify.${kind}`)}</span>`}
      <span class="help">${t("notify.help")}</span></div>
    <div class="field"><span class="label">${t("setting.session")}</span><div><button class="button" onClick=${() => remove("/session").then(() => (locked.value = true), (error) => toast(error.message, "bad"))}>${t("session.end")}</button></div>
      <span class="help">${t("session.help")}</span></div>
  </div></section>`;
}

export function Settings() {
  const [settings, setSettings] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    get("/settings").then(setSettings, setError);
  }, []);
  const save = async (change) => {
    try {
      const now = await patch("/settings", change);
      setSettings({ ...settings, ...now });
      toast(t("saved"), "good");
    } catch (failed) {
      toast(failed.message, "bad");
    }
  };
  return html`<div class="view narrow">
    <${Head} id="settings" />
    ${error && html`<p class="banner bad" role="alert">${error.message}</p>`}
    ${settings && html`<section class="section" aria-labelledby="limits"><h2 id="limits">${t("settings.limits")}</h2><div class="card pad fields">
      <${Limit} id="download_limit" value=${settings.download_limit} onSave=${(bytes) => save({ download_limit: bytes })} />
      <${Limit} id="upload_limit" value=${settings.upload_limit} onSave=${(bytes) => save({ upload_limit: bytes })} />
    </div><p class="small muted">${t("settings.while")}</p></section>
    <section class="section" aria-labelledby="of-node"><h2 id="of-node">${t("settings.node")}</h2><div class="card pad fields">
      <${Kept} id="name" shown=${printable(settings.name)} help="setting.name.help" read=${nameOf} onSave=${(name) => save({ name })} />
      <${Kept} id="quota" shown=${sizeField(settings.replica_quota)} help="setting.quota.help" read=${bytesOf} onSave=${(bytes) => save({ replica_quota: bytes })} />
      <${Fact} name="home"><bdi class="mono">${printable(settings.home)}</bdi></${Fact}>
      <${Fact} name="accepting">${t(`accepting.${settings.accepting}`)}</${Fact}>
      <${Fact} name="version">${printable(settings.version)}</${Fact}>
    </div></section>`}
    <${Browser} />
  </div>`;
}
