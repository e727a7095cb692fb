// Questions to the node, by its API. The only file that knows addresses, headers and errors.
// Invariant: no address is built from a stranger's word without encoding it.

import { signal } from "./lib.js";
import { t } from "./i18n.js";
import { printable } from "./safe.js";

const BASE = "/api/v1";
/** True when the node does not know this browser (any longer): `sprat web` opens the page anew. */
export const locked = signal(false);

/** What the node refused: `code` as the exit codes of the program, `status` of HTTP (0 = it could not be reached). */
export class Refusal extends Error {
  constructor(status, code, message) {
    // The node puts names into its words: strangers' ones.
    super(printable(message));
    this.status = status;
    this.code = code;
  }
}

async function refusal(response) {
  if (response.status === 401) locked.value = true;
  let said = {};
  try {
    said = await response.json();
  } catch {
    // No JSON: the status alone has to do.
  }
  return new Refusal(response.status, said.code ?? 1, said.message ?? t("error.status", { status: response.status }));
}

async function ask(method, path, body, signal) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Sprat"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(BASE + path, {
      method, headers, signal, credentials: "same-origin", cache: "no-store", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, 1, t("error.away"));
  }
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return null;
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, body = {}) => ask("POST", path, body);
export const patch = (path, body) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);
export const EVENTS = `${BASE}/events`;

/** `{a: 1, b: ""}` → "?a=1": what is empty is left out. */
export function query(values) {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== "" && value !== undefined && value !== null && value !== false) out.set(key, value === true ? "1" : value);
  }
  const text = out.toString();
  return text ? `?${text}` : "";
}

/** Sends a file's bytes, as they lie on the disk. `onSent(bytes)`; `signal` stops it. */
export function upload(path, file, { onSent, signal } = {}) {
  return new Promise((yes, no) => {
    const request = new XMLHttpRequest();
    request.open("POST", BASE + path);
    request.setRequestHeader("X-Sprat", "1");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onSent?.(event.loaded);
    request.onload = () => {
      let said = {};
      try {
        said = JSON.parse(request.responseText);
      } catch {
        // As above.
      }
      if (request.status >= 200 && request.status < 300) return yes(said);
      if (request.status === 401) locked.value = true;
      no(new Refusal(request.status, said.code ?? 1, said.message ?? t("error.status", { status: request.status })));
    };
    request.onerror = () => no(new Refusal(0, 1, t("error.away")));
    request.onabort = () => no(new DOMException("stopped", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
