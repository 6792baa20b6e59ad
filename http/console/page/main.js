// The frame: which view is shown, what the header says, and when views ask again.

import { el, fill } from "./dom.js";
import { count } from "./format.js";
import { get, key, keyNeeded } from "./api.js";
import { askKey, complain } from "./dialog.js";
import { Status } from "./status.js";
import overview from "./view_overview.js";
import queue from "./view_queue.js";
import messages from "./view_messages.js";
import destinations from "./view_destinations.js";
import holds from "./view_holds.js";
import tenants from "./view_tenants.js";
import suppressions from "./view_suppressions.js";
import webhooks from "./view_webhooks.js";
import mailbox from "./view_mailbox.js";

const VIEWS = [overview, queue, messages, destinations, tenants, holds, suppressions, webhooks, mailbox];
const status = new Status();
const main = document.getElementById("view");
let leaving = null;

/// "#/messages/ID?recipient=a" as {name, rest: ["ID"], query}.
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decodeURIComponent);
  return { name: name || "overview", rest, query: new URLSearchParams(query || "") };
}

/// Runs `work` now and then every `seconds`, while its view is shown and the page can be seen.
function repeat(signal, seconds, work) {
  let timer = 0, busy = false;
  const turn = async () => {
    clearTimeout(timer);
    if (signal.aborted || busy) return;
    busy = true;
    try {
      if (!document.hidden) await work();
    } catch (error) {
      if (error.name !== "AbortError") status.fail(error);
    }
    busy = false;
    if (!signal.aborted) timer = setTimeout(turn, seconds * 1000);
  };
  document.addEventListener("visibilitychange", turn, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  turn();
  return turn;
}

function drawNav(current) {
  const shown = VIEWS.filter((view) => !view.available || view.available(status.last));
  fill(document.getElementById("nav"), shown.map((view) => el("a", {
    href: `#/${view.name}`, "aria-current": view === current ? "page" : null, "data-key": view.name,
  }, view.title, view.tally && status.last ? el("span", { class: "tally" }, view.tally(status.last)) : null)));
}

function show() {
  const where = place();
  const view = VIEWS.find((one) => one.name === where.name) || overview;
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  drawNav(view);
  document.title = `${view.title} · Barid`;
  fill(main);
  window.scrollTo(0, 0);
  const context = {
    root: main, rest: where.rest, query: where.query, signal, status,
    every: (seconds, work) => repeat(signal, seconds, work),
    go: (hash) => { location.hash = hash; },
    failed: complain,
  };
  Promise.resolve(view.open(context)).catch(complain);
}

function drawHeader() {
  const { last, problem } = status;
  const node = document.getElementById("state");
  document.getElementById("host").textContent = last?.hostname || "";
  document.getElementById("key-button").hidden = !key.get() && !status.locked;
  node.dataset.is = problem ? "bad" : status.refusal ? "wait" : last ? "ok" : "";
  node.textContent = problem || status.refusal || (last ? `${count(last.shards.length)} shards, accepting` : "");
  drawNav(VIEWS.find((view) => view.name === place().name) || overview);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("barid-theme", theme); } catch { /* the next visit begins anew */ }
}

function firstTheme() {
  let kept = null;
  try { kept = localStorage.getItem("barid-theme"); } catch { /* not allowed here */ }
  return kept || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

async function newKey(why) {
  if (await askKey(why)) {
    status.locked = false;
    show();
  }
}

setTheme(firstTheme());
document.getElementById("theme-button").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
document.getElementById("key-button").addEventListener("click", () => newKey());
keyNeeded.addEventListener("needed", (event) => {
  if (status.locked) return;  // asked already; the button in the header asks again
  status.locked = true;
  newKey(event.detail.message);
});
status.addEventListener("change", drawHeader);
addEventListener("hashchange", show);
status.start(() => get("/admin/v1/status"));
show();
