// The page's pictures: strokes on a 20 × 20 grid, made of SVG nodes (no file, no HTML). Decorative: hidden from readers.

import { html } from "./lib.js";

const PATHS = {
  transfers: "M6 3v13M2.5 12.5 6 16l3.5-3.500M14 17V4M10.5 7.5 14 4l3.5 3.5",
  files: "M2.5 5.500v10h15v-8.500h-8l-2-2.500h-5z",
  people: "M7.5 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 16.500c0-3 2.5-4.7 5.5-4.700s5.5 1.7 5.5 4.700M13.5 3.800a3 3 0 0 1 0 5.400M15 12.200c1.9.7 3 2.2 3 4.3",
  inbox: "M3 11.5 5.5 4h9l2.5 7.500v4.500h-14zM3 11.500h4l1 2h4l1-2h4",
  links: "M8.5 11.500a3 3 0 0 0 4.300.200l3-3a3 3 0 0 0-4.200-4.300l-1 1M11.5 8.500a3 3 0 0 0-4.300-.200l-3 3a3 3 0 0 0 4.200 4.300l1-1",
  settings: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  health: "M2 10.500h4l2-5 4 9 2-4h4",
  pause: "M7 4.500v11M13 4.500v11",
  resume: "M6 4l9.5 6L6 16z",
  again: "M16 10a6 6 0 1 1-1.8-4.300M16 3v3.500h-3.5",
  cancel: "M5 5l10 10M15 5 5 15",
  download: "M10 3v9.500M6 9l4 4 4-4M3.5 16.500h13",
  share: "M10 13V3.500M6 7l4-4 4 4M3.5 16.500h13",
  search: "M9 14.500a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4.5 4.5",
  check: "M4 10.500l4 4 8.5-9",
  alert: "M10 3 2 16.500h16zM10 8v4M10 14.300v.2",
  folder: "M2.5 5.500v10h15v-8.500h-8l-2-2.500h-5z",
  file: "M5 2.500h6.500L15.5 6.500v11H5zM11.5 2.500v4h4",
  image: "M3 4h14v12H3zM3 13.500l4-4 4 4 2.5-2.5 3.5 3M13 7.500h.1",
  film: "M3 4h14v12H3zM8.5 7.500v5l4-2.500z",
  sound: "M7 15V4.500l8.5-1.500v10.500M7 15a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM15.5 13.500a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  chat: "M3 4.500h14v9H9l-4 3.500v-3.500H3z",
  send: "M3 10 17 3.5 13.5 17l-3.5-5.500zM10 11.500l7-8",
  eye: "M2 10c2-3.500 4.700-5.500 8-5.500s6 2 8 5.500c-2 3.500-4.700 5.500-8 5.500s-6-2-8-5.500zM10 12.500a2.5 2.500 0 1 0 0-5 2.5 2.500 0 0 0 0 5z",
  save: "M3.5 3.500h10.500l2.500 2.500v10.500h-13zM6.5 3.500v4h6v-4M6.500 16.500v-5h7v5",
  close: "M5 5l10 10M15 5 5 15",
  up: "M10 16V4M5.5 8.5 10 4l4.5 4.5",
  down: "M10 4v12M5.5 11.5 10 16l4.5-4.5",
  chevron: "M7.5 5l5 5-5 5",
  plug: "M7 2.500v4M13 2.500v4M5 6.500h10v3a5 5 0 0 1-10 0zM10 14.500v3",
  bell: "M5 13.500V9a5 5 0 0 1 10 0v4.500l1.5 1.500h-13zM8.5 17h3",
  key: "M12.5 3.500a4 4 0 1 1-3.2 6.400L3.5 15.500v1.500h3v-2h2v-2l1.7-1.7",
  shield: "M10 2.5 4 5v5c0 4 2.7 6.5 6 7.5 3.3-1 6-3.5 6-7.500V5z",
};

export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 20 20" aria-hidden="true" focusable="false"
    ><path d=${PATHS[name] ?? PATHS.file} /></svg>`;
}

/** A picture for a media type. */
export function mediaIcon(media = "") {
  const kind = String(media).split("/", 1)[0];
  return { image: "image", video: "film", audio: "sound" }[kind] ?? "file";
}
