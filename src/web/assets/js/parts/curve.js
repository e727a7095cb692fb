// A rate curve: the last minutes, received above, sent as a line. Drawn, never laid out: nothing moves beside it.

import { html } from "../lib.js";
import { t } from "../i18n.js";
import { rate } from "../format.js";
import { Canvas, colour } from "./canvas.js";

/** A scale that people read easily: the next of 1, 2, 5 × 2^10^n. */
function ceiling(most) {
  let unit = 1024;
  while (unit * 1024 <= most) unit *= 1024;
  for (const step of [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024]) {
    if (step * unit >= most) return step * unit;
  }
  return most;
}

function line(context, samples, width, height, top, most, slots) {
  const step = width / (slots - 1);
  const start = slots - samples.length;
  context.beginPath();
  samples.forEach((value, index) => {
    const x = (start + index) * step;
    const y = height - (value / most) * (height - top);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  return { x0: start * step };
}

/** `down` and `up`: bytes a second, one number a second, the newest last; `slots` of them fit. */
export function Curve({ down, up, slots, height = 96, stamp }) {
  const paint = (context, width, tall) => {
    const most = ceiling(Math.max(1024, ...down, ...(up ?? [])));
    const top = 16;
    context.font = "11px system-ui, sans-serif";
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    for (const part of [0, 0.5, 1]) {
      const y = Math.round(tall - part * (tall - top)) + (part === 0 ? -0.5 : 0.5);
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
    }
    if (down.length > 1) {
      const { x0 } = line(context, down, width, tall, top, most, slots);
      context.strokeStyle = colour("--accent");
      context.lineWidth = 1.6;
      context.lineJoin = "round";
      context.stroke();
      context.lineTo(width, tall);
      context.lineTo(x0, tall);
      context.globalAlpha = 0.16;
      context.fillStyle = colour("--accent");
      context.fill();
      context.globalAlpha = 1;
    }
    if (up && up.length > 1) {
      line(context, up, width, tall, top, most, slots);
      context.strokeStyle = colour("--muted");
      context.lineWidth = 1.2;
      context.setLineDash([4, 3]);
      context.stroke();
      context.setLineDash([]);
    }
    context.fillStyle = colour("--muted");
    context.fillText(rate(most), 2, 11);
    const span = t("curve.span", { n: Math.round(slots / 60) });
    context.fillText(span, width - context.measureText(span).width - 2, 11);
  };
  const now = (list) => rate(list?.at(-1) ?? 0);
  return html`<${Canvas} paint=${paint} height=${height} data=${stamp} cls="curve"
    label=${t("curve.label", { down: now(down), up: now(up) })} />`;
}
