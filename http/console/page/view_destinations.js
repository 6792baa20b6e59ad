// Where mail goes: how much waits in memory, connections and their limit, and which sites are down.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { count, until } from "./format.js";
import { lines } from "./api.js";
import { actOnMessages, resume, suspend } from "./actions.js";

const LIMIT = 500;

function state(row, suspended) {
  if (suspended) return el("span", { class: "chip hold" }, "suspended");
  if (row.dead_until) return el("span", { class: "chip bad" }, `down, tried ${until(row.dead_until)}`);
  if (row.in_use > 0) return el("span", { class: "chip ok" }, "delivering");
  return el("span", { class: "chip" }, row.waiting ? "waiting" : "idle");
}

/// Mail goes to a relay under the recipients' own domains: what is meant there is the site.
function meant(row) {
  return row.nexthop.startsWith("[") ? ["site", row.site || row.nexthop] : ["domain", row.nexthop];
}

function messagesOf(row) {
  const [kind, value] = meant(row);
  return `#/messages?${kind}=${encodeURIComponent(value)}`;
}

async function readSuspensions(signal) {
  const list = await lines("GET", "/admin/v1/suspensions", { signal });
  return new Set(list.map((one) => `${one.kind}:${one.value}`));
}

export default {
  name: "destinations",
  title: "Destinations",

  open({ root, every, signal }) {
    let rows = [], suspensions = new Set(), wanted = "";
    const note = el("span", { class: "note" }), list = el("div");
    const search = el("input", { type: "search", placeholder: "Filter by name or reason", "aria-label": "Filter destinations",
      oninput: (event) => { wanted = event.target.value.toLowerCase(); draw(); } });
    fill(root, el("div", { class: "head" }, el("h1", {}, "Destinations"), note, el("span", { class: "gap" }), search),
      panel("Next hops in memory", {}, list),
      el("p", { class: "note" }, "A window is how many connections a site may have now; it grows with successes and shrinks with failures."));

    const draw = () => {
      const shown = rows.filter((row) => !wanted || `${row.nexthop} ${row.site} ${row.transport} ${row.reason || ""}`.toLowerCase().includes(wanted));
      note.textContent = rows.length >= LIMIT ? `the ${LIMIT} busiest` : "";
      if (!shown.length) {
        fill(list, empty(rows.length ? "None matches." : "No mail is in memory."));
        return;
      }
      const is = (row) => ["domain", "site"].find((kind) => suspensions.has(`${kind}:${(kind === "site" ? row.site || "" : row.nexthop).toLowerCase()}`));
      fill(list, table([
        { head: "Next hop", cell: (row) => el("a", { class: "break", href: messagesOf(row) }, row.nexthop || row.transport) },
        { head: "State", cell: (row) => state(row, is(row)) },
        { head: "Waiting", class: "number", cell: (row) => count(row.waiting) },
        { head: "In use", class: "number", title: "messages on connections", cell: (row) => count(row.in_use) },
        { head: "Window", class: "number", cell: (row) => count(row.window) },
        { head: "Rate", class: "number", title: "messages a second", cell: (row) => (row.rate ? `${row.rate}/s` : "–") },
        { head: "Site and reason", class: "long", cell: (row) => [el("span", { class: "mono" }, row.site || "–"), row.reason ? el("div", { class: "note" }, row.reason) : null] },
        { head: "", class: "actions", cell: (row) => actions(row, is(row)) },
      ], shown, { caption: "Destinations" }));
    };
    const actions = (row, suspended) => el("div", { class: "row" },
      button("Flush", async () => { if (await actOnMessages("flush", Object.fromEntries([meant(row)]), `All mail to ${row.nexthop}`) !== null) turn(); },
        { class: "small", "data-key": `f ${row.transport} ${row.nexthop}`, "aria-label": `Flush ${row.nexthop}` }),
      suspended
        ? button("Resume", async () => { if (await resume(suspended, suspended === "site" ? row.site : row.nexthop)) turn(); }, { class: "small", "data-key": `r ${row.nexthop}` })
        : button("Suspend", async () => { if (await suspend(...meant(row))) turn(); },
          { class: "small", "data-key": `s ${row.transport} ${row.nexthop}`, "aria-label": `Suspend ${row.nexthop}` }));
    const turn = every(2, async () => {
      [rows, suspensions] = await Promise.all([lines("GET", "/admin/v1/destinations", { query: { limit: LIMIT }, signal }), readSuspensions(signal)]);
      draw();
    });
  },
};
