// The piece map: which parts of a download are here, as a picture that fills.

import { html } from "../lib.js";
import { t } from "../i18n.js";
import { count, percentText } from "../format.js";
import { Canvas, colour } from "./canvas.js";

const GAP = 1;
const SIDES = [24, 20, 16, 13, 11, 9, 8];

/** The largest cells of which `pieces` fit, or else the smallest: side, and how many in a row and in all. */
function grid(pieces, width, tall) {
  for (const side of SIDES) {
    const columns = Math.max(1, Math.floor((width + GAP) / side));
    const all = columns * Math.max(1, Math.floor((tall + GAP) / side));
    if (all >= pieces || side === SIDES.at(-1)) return { side, columns, cells: Math.min(all, Math.max(1, pieces)) };
  }
  return undefined;
}

/** How much of each of `cells` parts is here (0 to 1), of `parts`: numbers from 0 to 1 along the file. */
export function shares(parts, cells) {
  const out = new Float32Array(cells);
  const step = parts.length / cells;
  for (let cell = 0; cell < cells; cell += 1) {
    const from = cell * step;
    const to = from + step;
    let sum = 0;
    for (let index = Math.floor(from); index < Math.min(parts.length, Math.ceil(to)); index += 1) {
      sum += parts[index] * (Math.min(index + 1, to) - Math.max(index, from));
    }
    out[cell] = step > 0 ? sum / step : 0;
  }
  return out;
}

export function PieceMap({ parts, pieces, here, height = 63, stamp }) {
  const paint = (context, width, tall) => {
    const { side, columns, cells } = grid(pieces, width, tall);
    const fill = shares(parts, cells);
    const empty = colour("--track");
    const full = colour("--accent");
    // A row is always as wide as its place.
    const across = Math.min(cells, columns);
    const wide = Math.min(side * 3, (width + GAP) / across);
    for (let cell = 0; cell < cells; cell += 1) {
      const x = (cell % across) * wide;
      const y = Math.floor(cell / across) * side;
      context.fillStyle = empty;
      context.fillRect(x, y, wide - GAP, side - GAP);
      if (fill[cell] > 0) {
        context.globalAlpha = 0.25 + 0.75 * fill[cell];
        context.fillStyle = full;
        context.fillRect(x, y, wide - GAP, side - GAP);
        context.globalAlpha = 1;
      }
    }
  };
  const share = pieces > 0 ? Math.floor((here / pieces) * 1000) / 10 : 0;
  return html`<${Canvas} paint=${paint} height=${height} data=${stamp} cls="pieces"
    label=${t("pieces.label", { here: count(here), pieces: count(pieces), percent: percentText(share) })} />`;
}
