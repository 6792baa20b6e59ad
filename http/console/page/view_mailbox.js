// The mailbox of `barid dev`: every message that was delivered there.

import { button, el, empty, fill } from "./dom.js";
import { ago, bytes, moment, plural } from "./format.js";
import { blob, get, send, text } from "./api.js";
import { complain, confirmed, toast } from "./dialog.js";

const LIMIT = 50;

async function download(id) {
  const link = el("a", { href: URL.createObjectURL(await blob(`/admin/v1/mailbox/${id}/content`)), download: `${id}.eml` });
  link.click();
  URL.revokeObjectURL(link.href);
}

/// HTML of mail comes from a call of its own, with a policy that forbids everything; the frame adds its own.
function parts(message, signal) {
  const views = [];
  if (message.html !== null) {
    views.push(["HTML", () => el("iframe", { class: "mail", sandbox: "", title: "The message as HTML", src: `/admin/v1/mailbox/${message.id}/html` })]);
  }
  if (message.text !== null) views.push(["Text", () => el("pre", { class: "source", tabindex: "0" }, message.text)]);
  if (message.html !== null) views.push(["HTML source", () => el("pre", { class: "source", tabindex: "0" }, message.html)]);
  views.push(["Header", () => el("dl", { class: "facts" }, message.headers.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))]);
  views.push(["Raw", () => {
    const box = el("pre", { class: "source", tabindex: "0" }, "Asking …");
    text(`/admin/v1/mailbox/${message.id}/content`, { signal }).then((source) => { box.textContent = source.slice(0, 500_000); }).catch(complain);
    return box;
  }]);
  const box = el("div"), switches = el("div", { class: "switch", role: "group", "aria-label": "Parts of the message" });
  const choose = (index) => {
    fill(switches, views.map(([name], i) => button(name, () => choose(i), { "aria-pressed": String(i === index), "data-key": name })));
    fill(box, views[index][1]());
  };
  choose(0);
  const attached = message.parts.filter((part) => part.attached || part.filename);
  return [switches, el("p"), box, attached.length ? el("p", { class: "note" }, "Attached: ",
    attached.map((part) => `${part.filename || part.type} (${bytes(part.size)})`).join(", ")) : null];
}

export default {
  name: "mailbox",
  title: "Mailbox",
  available: (status) => Boolean(status?.mailbox),

  open({ root, rest, every, signal, go }) {
    const chosen = rest[0] || "";
    let wanted = "", shownText = "", before = "", older = [];
    const list = el("ul", { class: "mails" }), note = el("span", { class: "note" }), foot = el("div", { class: "row" });
    const shown = el("section", { class: "panel", "aria-label": "Message" }, empty(chosen ? "Asking …" : "Choose a message."));
    const search = el("input", { type: "search", placeholder: "Address or subject", "aria-label": "Search the mailbox",
      oninput: (event) => { wanted = event.target.value; older = []; before = ""; turn(); } });
    const clear = async () => {
      if (!(await confirmed({ title: "Empty the mailbox?", text: "All delivered messages are removed from it.", verb: "Empty", danger: true }))) return;
      try {
        toast(`${plural((await send("DELETE", "/admin/v1/mailbox")).removed, "message")} removed`);
        older = [];
        if (chosen) go("#/mailbox"); else turn();
      } catch (error) {
        complain(error);
      }
    };
    fill(root, el("div", { class: "head" }, el("h1", {}, "Mailbox"), note, el("span", { class: "gap" }), search, button("Empty", clear, { class: "danger" })),
      el("div", { class: "split" }, el("section", { class: "panel", "aria-label": "Messages" }, list, foot), shown));

    const draw = (page) => {
      note.textContent = plural(page.total, "message");
      const rows = page.data.concat(older);
      fill(list, rows.length ? rows.map((row) => el("li", {}, el("a", {
        href: `#/mailbox/${row.id}`, "aria-current": row.id === chosen ? "true" : null, "data-key": row.id,
      }, el("div", { class: "subject" }, row.subject || "(no subject)"),
      el("div", { class: "meta" }, el("span", {}, row.recipients.join(", ")), el("span", { title: moment(row.received_at) }, ago(row.received_at)))))) :
        el("li", {}, empty(shownText ? "None matches." : "Nothing was delivered yet.")));
      before = older.length ? before : page.next;
      fill(foot, before ? button("Older ones", more, { "data-key": "older" }) : null);
    };
    const query = () => ({ limit: LIMIT, text: wanted });
    const more = async () => {
      try {
        const page = await get("/admin/v1/mailbox", { query: { ...query(), before }, signal });
        older = older.concat(page.data);
        before = page.next;
        turn();
      } catch (error) {
        complain(error);
      }
    };
    const turn = every(3, async () => {
      shownText = wanted;
      const page = await get("/admin/v1/mailbox", { query: query(), signal });
      const first = new Set(page.data.map((row) => row.id));
      older = older.filter((row) => !first.has(row.id));
      draw(page);
    });
    if (chosen) this.openOne(chosen, shown, { signal, go }).catch((error) => fill(shown, el("p", { class: "notice bad" }, error.message)));
  },

  async openOne(id, root, { signal, go }) {
    const message = await get(`/admin/v1/mailbox/${encodeURIComponent(id)}`, { signal });
    const remove = async () => {
      if (!(await confirmed({ title: "Delete this message?", text: message.subject, verb: "Delete", danger: true }))) return;
      try {
        await send("DELETE", `/admin/v1/mailbox/${id}`);
        toast("1 message removed");
        go("#/mailbox");
      } catch (error) {
        complain(error);
      }
    };
    fill(root, el("div", { class: "panel-head" }, el("h2", { class: "break" }, message.subject || "(no subject)"), el("span", { class: "gap" }),
      button("Download", () => download(id).catch(complain), { class: "small" }), button("Delete", remove, { class: "small danger" })),
    el("dl", { class: "facts" }, [["From", message.from], ["To", message.to], ["Envelope", `${message.sender || "<>"} → ${message.recipients.join(", ")}`],
      ["Delivered", moment(message.received_at)], ["Size", bytes(message.size)]].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    el("p"), parts(message, signal));
  },
};
