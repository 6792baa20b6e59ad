// Webhooks of all tenants: whether they are taken, what waits and what was given up, and replay.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { count, moment, plural } from "./format.js";
import { get, send } from "./api.js";
import { complain, confirmed, toast } from "./dialog.js";

function state(row) {
  if (row.status !== "enabled") return [el("span", { class: "chip bad" }, "disabled"), row.disabled_reason ? el("div", { class: "note" }, row.disabled_reason) : null];
  if (row.dead) return el("span", { class: "chip bad" }, "events given up");
  return el("span", { class: row.waiting ? "chip" : "chip ok" }, row.waiting ? "waiting" : "up to date");
}

export default {
  name: "webhooks",
  title: "Webhooks",

  open({ root, every, signal }) {
    const list = el("div", {}, empty("Asking …")), note = el("span", { class: "note" });
    fill(root, el("div", { class: "head" }, el("h1", {}, "Webhooks"), note), panel("Endpoints of all tenants", {}, list),
      el("p", { class: "note" }, "A dead event was tried by the whole schedule and is not tried again; a replay sends all stored events again, dead ones included."));
    const replay = async (row) => {
      const text = "All events that are still stored are sent again, those that were taken too.";
      if (!await confirmed({ title: `Replay to ${row.endpoint}?`, text, verb: "Replay" })) return;
      try {
        await send("POST", `/admin/v1/webhooks/${encodeURIComponent(row.id)}/replay`, { body: {} });
        toast(`Events are sent to ${row.endpoint} again`);
        turn();
      } catch (error) {
        complain(error);
      }
    };
    const turn = every(2, async () => {
      const { data } = await get("/admin/v1/webhooks", { signal });
      note.textContent = data.length ? plural(data.length, "endpoint") : "";
      fill(list, data.length ? table([
        { head: "Endpoint", class: "long", cell: (row) => el("span", { class: "break" }, row.endpoint) },
        { head: "Tenant", cell: (row) => row.tenant || "–" },
        { head: "State", cell: state },
        { head: "Waiting", class: "number", cell: (row) => count(row.waiting) },
        { head: "Dead", class: "number", title: "events given up", cell: (row) => count(row.dead) },
        { head: "Events", class: "long", cell: (row) => el("span", { class: "note" }, row.events.join(", ")) },
        { head: "Since", class: "tight", cell: (row) => moment(row.created_at) },
        { head: "", class: "actions", cell: (row) => button("Replay", () => replay(row), { class: "small", "data-key": row.id, "aria-label": `Replay to ${row.endpoint}`, disabled: row.status !== "enabled" }) },
      ], data, { caption: "Webhooks" }) : empty("Nobody has asked for events."));
    });
  },
};
