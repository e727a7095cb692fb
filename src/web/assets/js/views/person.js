// One person: who they are, files for them, and the chat.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { parts, t } from "../i18n.js";
import { when } from "../format.js";
import { Icon } from "../icons.js";
import { Name, printable, printableLines } from "../safe.js";
import { onNews, seen, waiting } from "../state.js";
import { get, post } from "../api.js";
import { DropZone, Pick } from "../parts/drop.js";
import { Copy } from "../parts/copy.js";

const COUNT = 200;
const MOST = 4096;

/** The lines of a chat: those that were said, and those that come. */
function useLines(peer) {
  const [lines, setLines] = useState([]);
  const loading = useRef({});
  const add = (line) => {
    // While an answer is on its way nobody can say whether the line is in it: it is asked for again.
    if (loading.current.now) loading.current.again = true;
    else setLines((all) => [...all, line].slice(-2 * COUNT));
  };
  useEffect(() => {
    const mine = { now: true, again: false, over: false };
    loading.current = mine;
    const load = async () => {
      do {
        mine.again = false;
        const got = await get(`/chats/${encodeURIComponent(peer)}?count=${COUNT}`).catch(() => null);
        if (got && !mine.over) setLines(got.lines ?? []);
      } while (mine.again && !mine.over);
      mine.now = false;
    };
    load();
    const end = onNews((news) => {
      if (news.event === "message" && news.peer === peer) add({ time: news.time, mine: false, text: news.text });
    });
    return () => {
      mine.over = true;
      end();
    };
  }, [peer]);
  return [lines, add];
}

function Lines({ lines, who }) {
  const box = useRef(null);
  const low = useRef(true);
  useLayoutEffect(() => {
    if (low.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const scrolled = ({ currentTarget: node }) => {
    low.current = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
  };
  const name = printable(who.name);
  return html`<div class="lines" ref=${box} role="log" aria-live="polite" aria-label=${t("chat.with", { who: name })} tabindex="0" onScroll=${scrolled}>
    ${lines.length === 0 && html`<p class="muted small quiet">${t("chat.none")}</p>`}
    ${lines.map((line, at) => html`<div key=${at} class=${`line ${line.mine ? "mine" : ""}`}>
      <span class="hidden">${line.mine ? t("you") : name}: </span><bdi class="said">${printableLines(line.text)}</bdi>
      <time class="muted">${when(line.time)}</time></div>`)}
  </div>`;
}

function Say({ who, sure, onSaid }) {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const long = new TextEncoder().encode(text).length > MOST;
  const say = async () => {
    if (!text.trim() || busy || long) return;
    setBusy(true);
    setError("");
    try {
      const said = await post(`/chats/${encodeURIComponent(who.peer)}`, { text, ...(sure && { trust_new: true }) });
      onSaid({ time: said.time, mine: true, text });
      setText("");
    } catch (failed) {
      setError(failed.message);
    } finally {
      setBusy(false);
    }
  };
  const keys = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  };
  return html`<div class="say">
    ${(error || long) && html`<p class="small bad" role="alert">${error || t("chat.long")}</p>`}
    <div class="row"><textarea rows="1" class="grow" aria-label=${t("chat.say", { who: printable(who.name) })} placeholder=${t(who.here ? "chat.hint" : "chat.away")} disabled=${!who.here}
      value=${text} onInput=${(event) => setText(event.currentTarget.value)} onKeyDown=${keys}></textarea>
    <button class="button primary" disabled=${busy || !who.here} onClick=${say}><${Icon} name="send" size=${16} /> ${t("chat.send")}</button></div></div>`;
}

/** What was said, and what is to be. */
function Talk({ who, sure }) {
  const [lines, add] = useLines(who.peer);
  return html`<${Lines} lines=${lines} who=${who} /><${Say} who=${who} sure=${sure} onSaid=${add} />`;
}

export function Person({ who, onFiles }) {
  const [sure, setSure] = useState(false);
  const [pin, setPin] = useState("");
  const sendable = who.here && (!who.key_changed || sure);
  const files = (list) => onFiles(list, pin.trim());
  // What is in sight counts as seen.
  useEffect(() => {
    if (!document.hidden) seen(who.peer);
    const look = () => document.hidden || seen(who.peer);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [who.peer, waiting.value]);
  return html`<${DropZone} cls="onlyone card" onFiles=${sendable ? files : undefined} hint=${t("drop.send", { who: printable(who.name) })}>
    <div class="personhead">
      <div class="grow"><h2 class="bigname"><${Name} of=${who.name} /></h2>
        <div class="small muted row wrap"><span>${who.here ? parts("here.by", { via: printable(who.via) }) : t("away")}</span>
          ${who.address && html`<span class="mono">${printable(who.address)}</span>`}<span class="row"><span class="mono cut key" title=${who.peer}>${who.peer}</span><${Copy} text=${who.peer} /></span></div></div>
      ${sendable && html`<${Pick} onFiles=${files} cls="primary"><${Icon} name="share" size=${16} /> ${t("send.files")}</${Pick}>
        <${Pick} onFiles=${files} folder=${true}><${Icon} name="folder" size=${16} /> ${t("send.folder")}</${Pick}>`}
    </div>
    ${who.key_changed && html`<p class="banner bad"><${Icon} name="alert" /> <span class="grow">${t("newkey.text")}</span>
      ${!sure && html`<button class="button danger" onClick=${() => setSure(true)}>${t("newkey.sure")}</button>`}</p>`}
    ${who.unproven && sendable && html`<div class="field pin"><label for="their-pin">${t("send.pin")}</label>
      <input id="their-pin" type="text" maxlength="64" autocomplete="off" spellcheck="false" value=${pin} onInput=${(event) => setPin(event.currentTarget.value)} />
      <span class="help">${t("send.pin.help")}</span></div>`}
    ${who.unproven ? html`<p class="small muted">${t("unproven.text")}</p>` : html`<${Talk} key=${who.peer} who=${who} sure=${sure} />`}
  </${DropZone}>`;
}
