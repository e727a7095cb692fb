// A canvas that is as sharp as the screen, as wide as its place, and redrawn when its size, the scheme or `data` changes.

import { html, useEffect, useRef, useState } from "../lib.js";

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** `paint(context, width, height)` in CSS pixels. `label` says the same in words. */
export function Canvas({ paint, height, label, cls = "", data }) {
  const canvas = useRef(null);
  const [width, setWidth] = useState(0);
  const [scheme, setScheme] = useState(0);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(canvas.current.parentElement);
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setScheme((n) => n + 1);
    query.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      query.removeEventListener("change", changed);
    };
  }, []);

  useEffect(() => {
    const node = canvas.current;
    if (width === 0) return;
    const dense = Math.min(3, globalThis.devicePixelRatio || 1);
    node.width = width * dense;
    node.height = height * dense;
    const context = node.getContext("2d");
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, width, height);
    paint(context, width, height);
  }, [width, height, scheme, data]);

  return html`<div class=${`canvas ${cls}`} style=${{ height: `${height}px` }}><canvas ref=${canvas} role="img" aria-label=${label}
    style=${{ width: "100%", height: `${height}px` }}></canvas></div>`;
}
