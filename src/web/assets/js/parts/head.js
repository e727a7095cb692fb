// The head of a view: its name, and what can be done at once.

import { html } from "../lib.js";
import { t } from "../i18n.js";

export const Head = ({ id, children }) => html`<div class="head" data-view=${id}><h1 id="heading">${t(`tab.${id}`)}</h1>${children}</div>`;
