// Where the page begins: signs in with the one-time code of its address, then follows the node's events.

import { effect, html, render } from "./lib.js";
import { get, locked, post } from "./api.js";
import { language, t } from "./i18n.js";
import { go, route, takeCode } from "./router.js";
import { start } from "./state.js";
import { startNotifying } from "./notify.js";
import { startNews } from "./news.js";
import { guardDrops } from "./parts/drop.js";
import { Icon } from "./icons.js";
import { Shell } from "./shell.js";

function Locked() {
  return html`<main class="locked"><div class="card">
    <${Icon} name="key" size=${28} />
    <h1>${t("locked.title")}</h1>
    <p>${t("locked.text")}</p>
    <p class="mono">sprat web</p>
    ${String(route.value.asked) && html`<p>${t("locked.link")}</p>`}
  </div></main>`;
}

const Page = () => (locked.value ? html`<${Locked} />` : html`<${Shell} />`);

effect(() => {
  document.documentElement.lang = language.value;
});
guardDrops();
const code = takeCode();
try {
  if (code) await post("/session", { code });
} catch {
  // An old code: perhaps the browser is known all the same.
  locked.value = false;
}
await get("/status").catch(() => {});
if (!route.value.tab) go("transfers");
render(html`<${Page} />`, document.getElementById("app"));
if (!locked.value) {
  start();
  startNotifying();
  startNews();
}
// A link with a code that is opened in a page that is open already only changes the fragment.
addEventListener("hashchange", async () => {
  const fresh = takeCode();
  if (!fresh) return;
  await post("/session", { code: fresh }).catch(() => {});
  location.reload();
});
