// A list of any length of which only the rows in sight are elements. One row at a time can be reached by Tab; arrows,
// Page Up and Down, Home and End move it.
// Invariants: rows have one height, so scrolling never jumps; a row keeps its element (key = index) while it is in sight.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";

const SPARE = 8;

/**
 * `row(index)` gives the cells; `onRange(first, last)` tells what is in sight; `onKey(event, index)` gets other keys.
 * `reset` is any value: when it changes, the list goes back to its top.
 */
export function VirtualList({ total, height, row, onRange, onKey, label, columns, header, reset, busy }) {
  const box = useRef(null);
  // The row that takes the focus as soon as it is an element.
  const wanted = useRef(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(600);
  const [active, setActive] = useState(0);

  useLayoutEffect(() => {
    const node = box.current;
    const measure = () => setRoom(node.clientHeight || 600);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    box.current.scrollTop = 0;
    setTop(0);
    setActive(0);
  }, [reset]);

  const first = Math.max(0, Math.floor(top / height) - SPARE);
  const last = Math.min(total, Math.ceil((top + room) / height) + SPARE);
  useEffect(() => onRange?.(first, last), [first, last, total, reset]);

  const current = Math.min(active, Math.max(0, total - 1));
  useLayoutEffect(() => {
    const row = wanted.current === null ? null : box.current.querySelector(`[data-index="${wanted.current}"]`);
    if (!row) return;
    wanted.current = null;
    row.focus({ preventScroll: true });
  });

  const move = (to) => {
    const index = Math.max(0, Math.min(total - 1, to));
    const node = box.current;
    const header = node.querySelector(".vhead")?.offsetHeight ?? 0;
    if (index * height < node.scrollTop) node.scrollTop = index * height;
    else if ((index + 1) * height > node.scrollTop + room - header) node.scrollTop = (index + 1) * height - room + header;
    wanted.current = index;
    setTop(node.scrollTop);
    setActive(index);
  };

  const keydown = (event) => {
    const at = Number(event.target.closest?.("[data-index]")?.dataset.index ?? Number.NaN);
    if (Number.isNaN(at) || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(room / height) - 1);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: total - 1 }[event.key];
    if (to === undefined) return onKey?.(event, at);
    event.preventDefault();
    move(to);
  };

  const rows = [];
  // The row that Tab reaches may have been scrolled away: then the first one in sight takes its place.
  const reach = current >= first && current < last ? current : first;
  for (let index = first; index < last; index += 1) {
    rows.push(html`<div key=${index} class="vrow" role="row" aria-rowindex=${index + 2} data-index=${index}
      tabindex=${index === reach ? 0 : -1} onFocus=${() => setActive(index)}
      style=${{ transform: `translateY(${index * height}px)`, height: `${height}px` }}>${row(index)}</div>`);
  }
  return html`<div class=${`vlist ${columns}`} ref=${box} role="grid" aria-label=${label} aria-rowcount=${total + 1}
      aria-busy=${busy ? "true" : "false"} onScroll=${(event) => setTop(event.currentTarget.scrollTop)} onKeyDown=${keydown}>
    <div class="vhead" role="row" aria-rowindex="1">${header}</div>
    <div class="vspace" role="presentation" style=${{ height: `${total * height}px` }}>${rows}</div>
  </div>`;
}
