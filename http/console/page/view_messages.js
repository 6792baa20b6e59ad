// Messages in the queue by filter, and submissions of the API by what they were: found, chosen, acted on.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { ago, bytes, moment, plural, until } from "./format.js";
import { get, lines } from "./api.js";
import { actOnMessages } from "./actions.js";
import { openMessage } from "./message.js";
import { openEmail } from "./email.js";
import { stateChip } from "./states.js";

const LIMIT = 100;
const QUEUE_FIELDS = [
  ["recipient", "Recipient", "joe@example.org or @example.org"],
  ["sender", "Sender", "news@example.org, <> for notices"],
  ["domain", "Destination", "example.org"],
  ["site", "Site", "mx1.example.net"],
  ["tenant", "Tenant", "acme"],
  ["reason", "Reason contains", "greylisted"],
  ["older-than", "Older than", "1h"],
];
const EMAIL_FIELDS = [
  ["recipient", "Recipient", "joe@example.org or @example.org"],
  ["sender", "From", "news@example.org"],
  ["subject", "Subject contains", "invoice"],
  ["tenant", "Tenant", "acme"],
  ["tag", "Tag", "campaign or campaign=spring"],
];
const STATES = ["", "active", "incoming", "deferred", "hold"];
const EVENTS = ["", "queued", "scheduled", "delivered", "opened", "clicked", "delivery_delayed", "bounced", "failed", "suppressed", "complained", "canceled"];
const ID = /^[0-9A-Za-z]{12,20}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function filterForm(fields, choice, query, go) {
  const inputs = fields.map(([name, label, placeholder]) => el("label", { class: "field" }, label,
    el("input", { name, placeholder, value: query.get(name) || "", autocomplete: "off", spellcheck: "false" })));
  const select = el("label", { class: "field" }, choice.label, el("select", { name: choice.name },
    choice.options.map((value) => el("option", { value, selected: value === (query.get(choice.name) || "") }, value || "any"))));
  return el("form", { class: "filters", onsubmit: (event) => {
    event.preventDefault();
    go(Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value.trim()).map(([name, value]) => [name, value.trim()])));
  } }, inputs, select, el("div", { class: "row" }, el("button", { type: "submit", class: "main" }, "Search"),
    button("Clear", () => go({}))));
}

function queueTable(rows, chosen, changed) {
  const all = el("input", { type: "checkbox", "aria-label": "Choose all shown", checked: rows.length > 0 && rows.every((row) => chosen.has(row.queue_id)),
    onchange: (event) => { rows.forEach((row) => (event.target.checked ? chosen.add(row.queue_id) : chosen.delete(row.queue_id))); changed(); } });
  return table([
    { head: all, cell: (row) => el("input", { type: "checkbox", "aria-label": `Choose ${row.queue_id}`, checked: chosen.has(row.queue_id), "data-key": row.queue_id,
      onchange: (event) => { if (event.target.checked) chosen.add(row.queue_id); else chosen.delete(row.queue_id); changed(); } }) },
    { head: "Queue ID", cell: (row) => el("a", { class: "mono", href: `#/messages/${row.queue_id}` }, row.queue_id) },
    { head: "State", class: "tight", cell: (row) => stateChip(row.queue_name) },
    { head: "Arrived", class: "tight", cell: (row) => el("span", { title: moment(row.arrival_time) }, ago(row.arrival_time)) },
    { head: "Sender", class: "break", cell: (row) => row.sender },
    { head: "Waiting for", class: "long", cell: (row) => [
      row.recipients.slice(0, 3).map((one) => el("div", {}, one.address)),
      row.recipients.length > 3 ? el("div", { class: "note" }, `and ${row.recipients.length - 3} more`) : null,
      row.recipients[0]?.delay_reason ? el("div", { class: "note" }, row.recipients[0].delay_reason) : null] },
    { head: "Next", class: "tight", cell: (row) => (row.next_attempt ? until(row.next_attempt) : "–") },
    { head: "Size", class: "number", cell: (row) => bytes(row.message_size) },
  ], rows, { caption: "Messages in the queue" });
}

async function openQueueSearch({ query, go, every, signal }, root) {
  const filters = Object.fromEntries(QUEUE_FIELDS.map(([name]) => name).concat("state").map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const asQuery = filters.sender === "<>" ? { ...filters, sender: "" } : filters;
  const chosen = new Set();
  let rows = [], more = false;
  const bar = el("div", { class: "panel-head" }), list = el("div", {}, empty("Asking …"));
  fill(root, filterForm(QUEUE_FIELDS, { name: "state", label: "State", options: STATES }, query,
    (values) => go(`#/messages?${new URLSearchParams(values)}`)), el("hr"), bar, list);

  const act = async (action) => {
    const narrow = Object.keys(filters).length > 0 ? filters : { all: "true" };
    const query = chosen.size ? { id: [...chosen] } : narrow;
    if (await actOnMessages(action, query, chosen.size ? null : "All that match, shown or not") !== null) {
      chosen.clear();
      turn();
    }
  };
  const draw = () => {
    const one = (action, name, attributes) => button(name, () => act(action), { class: "small", "data-act": action, "data-key": action, ...attributes });
    fill(bar, el("b", {}, chosen.size ? `${plural(chosen.size, "message")} chosen` : `${more ? "the first " : ""}${plural(rows.length, "message")}`),
      el("span", { class: "note" }, chosen.size ? "" : "actions are for all that match"), el("span", { class: "gap" }),
      rows.length ? [one("flush", "Flush"), one("hold", "Hold"), one("release", "Release"), one("requeue", "Requeue"),
        one("expire", "Return", { class: "small danger" }), one("delete", "Delete", { class: "small danger" })] : null);
    fill(list, rows.length ? queueTable(rows, chosen, draw) : empty("No message in the queue matches."));
  };
  const turn = every(5, async () => {
    const found = await lines("GET", "/admin/v1/queue", { query: { ...asQuery, limit: LIMIT }, signal });
    more = found.at(-1)?.has_more || false;
    rows = found.filter((row) => row.queue_id);
    const there = new Set(rows.map((row) => row.queue_id));
    [...chosen].filter((id) => !there.has(id)).forEach((id) => chosen.delete(id));
    draw();
  });
}

async function openEmailSearch({ query, go, signal }, root) {
  const names = EMAIL_FIELDS.map(([name]) => name).concat("event");
  const filters = Object.fromEntries(names.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const list = el("div", {}, empty("Asking …"));
  let rows = [], next = "", examined = 0;
  fill(root, filterForm(EMAIL_FIELDS, { name: "event", label: "Last event", options: EVENTS }, query,
    (values) => go(`#/messages/sent?${new URLSearchParams(values)}`)), el("hr"), list);
  const draw = () => fill(list, rows.length ? table([
    { head: "When", class: "tight", cell: (row) => el("span", { title: ago(Date.parse(row.created_at) / 1000) }, moment(row.created_at)) },
    { head: "Last event", class: "tight", cell: (row) => stateChip(row.last_event) },
    { head: "Subject", class: "long", cell: (row) => el("a", { href: `#/messages/${row.id}` }, row.subject || "(no subject)") },
    { head: "From", class: "break", cell: (row) => row.from },
    { head: "To", class: "break", cell: (row) => [row.to.slice(0, 3).join(", "), row.to.length > 3 ? ` and ${row.to.length - 3} more` : ""] },
    { head: "Tenant", class: "tight", cell: (row) => row.tenant || "–" },
    { head: "Tags", class: "tight", cell: (row) => (row.tags || []).map((tag) => el("div", { class: "note" }, `${tag.name}=${tag.value}`)) },
  ], rows, { caption: "Submissions" }) : empty(next ? "None among the latest." : "No submission matches."),
  next ? el("div", { class: "row" }, button("Older ones", () => read(), { "data-key": "older" }),
    el("span", { class: "note" }, `${plural(examined, "submission")} looked at`)) : null);
  const read = async () => {
    const page = await get("/admin/v1/emails", { query: { ...filters, limit: 50, after: next }, signal });
    rows = rows.concat(page.data);
    next = page.has_more ? page.next : "";
    examined += page.examined;
    draw();
  };
  await read();
}

export default {
  name: "messages",
  title: "Messages",
  tally: (status) => {
    const active = status.shards.reduce((sum, shard) => sum + shard.active_messages, 0);
    return active ? active.toLocaleString("en") : null;
  },

  async open(context) {
    const { root, rest, go } = context;
    if (rest[0] && rest[0] !== "sent") return UUID.test(rest[0]) ? openEmail(context, rest[0]) : openMessage(context, rest[0]);
    const sent = rest[0] === "sent";
    const body = panel(sent ? "Submissions over the API, the newest first" : "In the queue", {});
    const content = el("div");
    body.append(content);
    const tab = (href, name, current) => el("button", { type: "button", "aria-pressed": String(current), onclick: () => go(href) }, name);
    const jump = el("form", { class: "row", role: "search", onsubmit: (event) => {
      event.preventDefault();
      const id = new FormData(event.target).get("id").trim();
      if (ID.test(id) || UUID.test(id)) go(`#/messages/${id}`);
      else event.target.querySelector("input").setCustomValidity("A queue ID or the ID of an email");
      event.target.reportValidity();
    } }, el("input", { name: "id", type: "search", placeholder: "Queue ID or email ID", "aria-label": "Queue ID or email ID", size: "34", required: true,
      oninput: (event) => event.target.setCustomValidity("") }), el("button", { type: "submit" }, "Show"));
    fill(root, el("div", { class: "head" }, el("h1", {}, "Messages"),
      el("div", { class: "switch", role: "group", "aria-label": "Which messages" }, tab("#/messages", "Queue", !sent), tab("#/messages/sent", "Submissions", sent)),
      el("span", { class: "gap" }), jump), body);
    return sent ? openEmailSearch(context, content) : openQueueSearch(context, content);
  },
};
