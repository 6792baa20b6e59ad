// Addresses that get no mail of a tenant: why, since when, and let go again.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { moment } from "./format.js";
import { get, lines, send } from "./api.js";
import { asked, complain, confirmed, toast } from "./dialog.js";

const LIMIT = 100;

export default {
  name: "suppressions",
  title: "Suppressions",

  async open({ root, query, signal, go }) {
    const tenant = query.get("tenant") || "";
    const list = el("div", {}, empty("Asking …")), names = el("datalist", { id: "tenants" });
    const choose = el("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      go(`#/suppressions?${new URLSearchParams(new FormData(event.target))}`);
    } }, el("input", { name: "tenant", value: tenant, list: "tenants", placeholder: "no tenant", "aria-label": "Tenant", autocomplete: "off" }),
    el("button", { type: "submit" }, "Show"), names);
    const change = async (method, email, done) => {
      try {
        await send(method, "/admin/v1/suppressions", { query: { tenant, email } });
        toast(`${email} ${done}`);
        await again();
      } catch (error) {
        complain(error);
      }
    };
    const add = async () => {
      const wish = await asked({ title: "Suppress an address", verb: "Suppress", text: `It gets no more mail${tenant ? ` of ${tenant}` : ""}.`,
        fields: [{ name: "email", label: "Address", required: true, placeholder: "joe@example.org" }] });
      if (wish) await change("POST", wish.email.trim(), "gets no more mail");
    };
    const remove = async (email) => {
      const text = "It gets mail again. If it bounced, it may bounce again.";
      if (await confirmed({ title: `Remove ${email}?`, text, verb: "Remove" })) await change("DELETE", email, "gets mail again");
    };
    fill(root, el("div", { class: "head" }, el("h1", {}, "Suppressions"), choose, el("span", { class: "gap" }),
      button("Suppress an address …", add, { class: "main" })),
    panel(tenant ? `Addresses that get no mail of ${tenant}` : "Addresses that get no mail, of no tenant in particular", {}, list));

    let rows = [], more = false;
    const draw = () => fill(list, rows.length ? [table([
      { head: "Address", class: "long", cell: (row) => row.email },
      { head: "Because of", class: "tight", cell: (row) => el("span", { class: `chip ${row.origin === "manual" ? "hold" : "bad"}` }, row.origin) },
      { head: "Since", class: "tight", cell: (row) => moment(row.created_at) },
      { head: "", class: "actions", cell: (row) => button("Remove", () => remove(row.email), { class: "small", "data-key": row.email, "aria-label": `Remove ${row.email}` }) },
    ], rows, { caption: "Suppressions" }), more ? button("Older ones", () => read().catch(complain), { "data-key": "older" }) : el("p", { class: "note" }, `${rows.length} in all`)] :
      empty("None: every address may get mail."));
    const read = async () => {
      const page = await lines("GET", "/admin/v1/suppressions", { query: { tenant, limit: LIMIT, after: rows.at(-1)?.id }, signal });
      rows = rows.concat(page);
      more = page.length === LIMIT;
      draw();
    };
    const again = () => { rows = []; return read(); };
    const { data } = await get("/admin/v1/keys", { signal });
    fill(names, [...new Set(data.map((key) => key.tenant))].map((name) => el("option", { value: name })));
    await read();
  },
};
