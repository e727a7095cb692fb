// A file's bytes for this browser: saved, or shown in a tab of their own. They come from another port of the node, by a
// ticket: what is in a file never has the page's origin. What is not here yet is fetched while it is read.

import { t } from "./i18n.js";
import { post } from "./api.js";
import { toast } from "./toast.js";

/** What a browser shows by itself; the node has the last word. */
const SHOWN = /\.(png|jpe?g|gif|webp|avif|bmp|mp3|ogg|oga|flac|wav|aac|mp4|webm|ogv|txt)$/i;
export const canShow = (name) => SHOWN.test(name);

async function follow(wanted, tab) {
  try {
    const { url } = await post("/tickets", wanted);
    const { protocol, hostname } = new URL(url);
    if (protocol !== "http:" || hostname !== location.hostname.replace("localhost", "127.0.0.1")) throw new Error(t("error.away"));
    const link = document.createElement("a");
    link.href = url;
    link.rel = "noopener noreferrer";
    if (tab) link.target = "_blank";
    else link.download = "";
    link.click();
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** `file`: what has an id and a name, as offers and jobs do. */
export const save = ({ id, name }) => follow({ id, name }, false);
export const show = ({ id, name }) => follow({ id, name, show: true }, true);
