// Files and folders that are dropped on the page, or chosen: as a list of { file, path }, and { path } for an empty folder.
// Invariants: a drop anywhere never makes the browser leave the page; what is not in the list is told.

import { html, useRef, useState } from "../lib.js";
import { count } from "../format.js";
import { t } from "../i18n.js";
import { toast } from "../toast.js";

const MOST = 20_000;

async function walk(entry, into) {
  if (into.length >= MOST) throw new Error(t("drop.toomany", { most: count(MOST) }));
  const path = entry.fullPath.replace(/^\/+/, "");
  if (entry.isFile) {
    const file = await new Promise((yes, no) => entry.file(yes, no));
    into.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  for (let empty = true; ; empty = false) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (some.length === 0) {
      if (empty) into.push({ path });
      return;
    }
    for (const one of some) await walk(one, into);
  }
}

/** Everything in a drop. The entries have to be taken before the first wait: they are gone after it. */
async function dropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const out = [];
  for (const entry of entries) {
    if (entry instanceof File) out.push({ file: entry, path: entry.name });
    else if (entry) await walk(entry, out);
  }
  return out;
}

const chosenFiles = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Called once: what is dropped beside a place for it is let go. */
export function guardDrops() {
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => hasFiles(event) && event.preventDefault());
}

/** A place to drop on. `onFiles(list)`; `hint` shows over the page meanwhile. */
export function DropZone({ onFiles, hint, cls = "", children }) {
  const [over, setOver] = useState(0);
  if (!onFiles) return html`<div class=${cls}>${children}</div>`;
  const enter = (event) => hasFiles(event) && (event.preventDefault(), setOver((n) => n + 1));
  const leave = (event) => hasFiles(event) && setOver((n) => Math.max(0, n - 1));
  const drop = async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(0);
    try {
      const list = await dropped(event.dataTransfer);
      if (list.length > 0) onFiles(list);
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return html`<div class=${`${cls} ${over > 0 ? "dropping" : ""}`} onDragEnter=${enter} onDragLeave=${leave} onDrop=${drop}>
    ${children}${over > 0 && html`<div class="cover" aria-hidden="true"><div>${hint}</div></div>`}</div>`;
}

/** Not every browser, on a phone above all, has a dialogue for folders. */
const FOLDERS = "webkitdirectory" in HTMLInputElement.prototype;

/** A button that opens the browser's dialogue for files, or for a folder. */
export function Pick({ onFiles, folder = false, cls = "", label, children }) {
  const input = useRef(null);
  if (folder && !FOLDERS) return null;
  const take = (event) => {
    const list = chosenFiles(event.currentTarget);
    event.currentTarget.value = "";
    if (list.length > 0) onFiles(list);
  };
  return html`<button type="button" class=${`button ${cls}`} aria-label=${label} onClick=${() => input.current.click()}>${children}</button>
    <input ref=${input} class="hidden" type="file" multiple tabindex="-1" aria-hidden="true" webkitdirectory=${folder} onChange=${take} />`;
}
