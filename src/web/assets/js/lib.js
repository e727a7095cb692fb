// What the page takes from its libraries, in one place.
// Invariant: nothing here or above sets HTML from a string: the page's policy (trusted types) would refuse it.

import { h, render, Fragment, createRef } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { render, Fragment, createRef, h };
export { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback } from "../vendor/hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect } from "../vendor/signals.js";
export const html = htm.bind(h);
