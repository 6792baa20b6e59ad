// What operators stopped: suspended domains, sites, tenants and streams, and messages on hold.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { ago, moment, plural, until } from "./format.js";
import { lines } from "./api.js";
import { actOnMessages, resume, suspend } from "./actions.js";

const LIMIT = 200;

export default {
  name: "holds",
  title: "Suspended",

  open({ root, every, signal }) {
    const suspensions = el("div", {}, empty("Asking …")), held = el("div", {}, empty("Asking …"));
    fill(root, el("div", { class: "head" }, el("h1", {}, "Suspended and on hold"), el("span", { class: "gap" }),
      button("Suspend deliveries …", async () => { if (await suspend()) turn(); }, { class: "main" })),
    el("div", { class: "grid" }, panel("Suspensions", {}, suspensions), panel("Messages on hold", {}, held)));

    const drawSuspensions = (rows) => fill(suspensions, rows.length ? table([
      { head: "What", cell: (row) => el("b", {}, row.name) },
      { head: "Since", class: "tight", cell: (row) => el("span", { title: moment(row.since) }, ago(row.since)) },
      { head: "Ends", class: "tight", cell: (row) => (row.until ? until(row.until) : "when resumed") },
      { head: "Reason", class: "long", cell: (row) => row.reason || "–" },
      { head: "", class: "actions", cell: (row) => button("Resume", async () => { if (await resume(row.kind, row.value)) turn(); },
        { class: "small", "data-key": row.name, "aria-label": `Resume ${row.name}` }) },
    ], rows, { caption: "Suspensions" }) : empty("Nothing is suspended."));
    const drawHeld = (rows) => {
      const more = rows.at(-1)?.has_more;
      const list = rows.filter((row) => row.queue_id);
      const release = async (query) => { if (await actOnMessages("release", query) !== null) turn(); };
      fill(held, list.length ? [
        el("div", { class: "panel-head" }, el("span", { class: "note" }, more ? `the first ${LIMIT}` : plural(list.length, "message")), el("span", { class: "gap" }),
          button("Release all", () => release({ all: "true" }), { class: "small", "data-key": "all" })),
        table([
          { head: "Queue ID", cell: (row) => el("a", { class: "mono", href: `#/messages/${row.queue_id}` }, row.queue_id) },
          { head: "Arrived", class: "tight", cell: (row) => ago(row.arrival_time) },
          { head: "Sender", class: "long", cell: (row) => row.sender },
          { head: "Recipients", class: "long", cell: (row) => row.recipients.map((one) => one.address).slice(0, 5).join(", ") },
          { head: "", class: "actions", cell: (row) => button("Release", () => release({ id: [row.queue_id] }), { class: "small", "data-key": row.queue_id }) },
        ], list, { caption: "Messages on hold" })] : empty("No message is on hold."));
    };
    const turn = every(5, async () => {
      drawSuspensions(await lines("GET", "/admin/v1/suspensions", { signal }));
      drawHeld(await lines("GET", "/admin/v1/holds", { query: { limit: LIMIT }, signal }));
    });
  },
};
