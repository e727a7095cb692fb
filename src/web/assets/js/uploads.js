// What is being handed from this browser to the node: files to share, and files to send to somebody. One at a time.
// Invariant: closing the page asks first while something is on its way.

import { html, signal } from "./lib.js";
import { parts, t } from "./i18n.js";
import { post, query, remove, upload } from "./api.js";
import { count } from "./format.js";
import { toast } from "./toast.js";
import { Name } from "./safe.js";

/** As many as the node keeps before they are sent. */
const STAGED = 4096;
/** { id, kind: "share" | "send", title, to, done, size, stop } */
export const uploads = signal([]);
let next = 1;
let tail = Promise.resolve();

const update = (id, change) => {
  uploads.value = uploads.value.map((one) => (one.id === id ? { ...one, ...change } : one));
};
function title(list) {
  if (list.length === 1) return list[0].path;
  const [folder] = list[0].path.split("/");
  const files = t("files.n", { n: list.filter(({ file }) => file).length });
  return list.every(({ path }) => path.startsWith(`${folder}/`)) ? `${folder}/ (${files})` : files;
}

addEventListener("beforeunload", (event) => uploads.value.length > 0 && event.preventDefault());

function enqueue(entry, list, work) {
  const controller = new AbortController();
  const id = next++;
  const size = list.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
  uploads.value = [...uploads.value, { ...entry, id, title: title(list), done: 0, size, stop: () => controller.abort() }];
  let before = 0;
  /** Uploads one file to `path`, and counts it. */
  const one = async (path, file) => {
    const said = await upload(path, file, { signal: controller.signal, onSent: (sent) => update(id, { done: Math.min(size, before + sent) }) });
    before += file.size;
    update(id, { done: before });
    return said;
  };
  const run = async () => {
    try {
      controller.signal.throwIfAborted();
      await work(one, controller.signal);
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, "bad");
    } finally {
      uploads.value = uploads.value.filter((upload) => upload.id !== id);
    }
  };
  tail = tail.then(run);
}

/**
 * Puts files into the shared folder. A file whose name is taken there is told, and the others go on; so is that nobody would see empty folders.
 * Gives whether something is on its way.
 */
export function share(all) {
  const list = all.filter(({ file }) => file);
  const empty = all.length - list.length;
  if (empty > 0) toast(t("share.empty", { n: count(empty), count: empty }), "bad");
  if (list.length === 0) return false;
  enqueue({ kind: "share" }, list, async (one, stopped) => {
    let shared = 0;
    for (const { file, path } of list) {
      stopped.throwIfAborted();
      try {
        await one(`/share${query({ name: path })}`, file);
        shared += 1;
      } catch (error) {
        if (error.name === "AbortError" || error.status === 0 || error.status === 401) throw error;
        toast(html`<${Name} of=${path} />: ${error.message}`, "bad");
      }
    }
    if (shared > 0) toast(t("shared.n", { n: shared }), "good");
  });
  return true;
}

/**
 * Asks a person to take files. `who`: { peer, name }; `trust`: their new key is theirs, as somebody made sure of; `pin`: what their app asks for. Gives whether they are on
 * their way.
 */
export function send(who, list, { trust = false, pin = "" } = {}) {
  if (!list.some(({ file }) => file)) {
    toast(t("send.nofile"), "bad");
    return false;
  }
  if (list.length > STAGED) {
    toast(t("send.toomany", { most: STAGED }), "bad");
    return false;
  }
  enqueue({ kind: "send", to: who.name }, list, async (one, stopped) => {
    const staged = [];
    try {
      for (const { file, path } of list) {
        stopped.throwIfAborted();
        staged.push((await one(`/staged${query({ name: path, folder: !file })}`, file ?? new Blob())).staged);
      }
      await post("/sends", { to: [who.peer], staged, ...(trust && { trust_new: true }), ...(pin && { pin }) });
    } catch (error) {
      // What nobody will send need not stay at the node.
      await Promise.allSettled(staged.map((id) => remove(`/staged/${id}`)));
      throw error;
    }
    toast(parts("send.asked", { who: html`<${Name} of=${who.name} />` }), "good");
  });
  return true;
}
