// One message of the queue: who waits and why, what happened so far, what to do with it.

import { button, el, empty, fill, panel, table } from "./dom.js";
import { ago, bytes, moment, until } from "./format.js";
import { ApiError, get, lines, text } from "./api.js";
import { actOnMessages } from "./actions.js";
import { stateChip } from "./states.js";
import { timeline } from "./timeline.js";

const SOURCE_MAX = 200_000;

export function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) =>
    [el("dt", {}, name), el("dd", {}, value)]));
}

function messageFacts(message) {
  return facts([
    ["Sender", message.sender],
    ["Arrived", `${moment(message.arrival_time)} (${ago(message.arrival_time)})`],
    ["Attempts", message.attempts],
    ["Next attempt", message.next_attempt ? `${moment(message.next_attempt)} (${until(message.next_attempt)})` : null],
    ["Expires", message.expires_at ? moment(message.expires_at) : null],
    ["Size", bytes(message.message_size)],
    ["Tenant", message.tenant], ["Stream", message.stream], ["Pool", message.pool],
    ["Priority", message.priority || null],
    ["From client", [message.client_name, message.client_address].filter(Boolean).join(" ")],
    ["Protocol", message.protocol],
    ["Email ID", message.email_id ? el("a", { class: "mono", href: `#/messages/${message.email_id}` }, message.email_id) : null],
  ]);
}

function recipientTable(message) {
  return table([
    { head: "Recipient", class: "break", cell: (row) => row.address },
    { head: "State", class: "tight", cell: (row) => stateChip(row.state) },
    { head: "Status", class: "tight mono", cell: (row) => row.dsn || "–" },
    { head: "Why", class: "long", cell: (row) => [row.reason || "–", row.remote_mta ? el("div", { class: "note" }, row.remote_mta) : null] },
  ], message.all_recipients, { caption: "Recipients" });
}

/// The stored events; of a message that has none, what its record says.
async function eventsOf(message, signal) {
  const path = message.email_id ? `/admin/v1/emails/${message.email_id}/events` : `/admin/v1/queue/${message.queue_id}/events`;
  const events = await lines("GET", path, { signal });
  if (events.length) return events;
  const made = [{ type: "email.sent", at: message.arrival_time * 1e6 }];
  if (message.attempts) {
    made.push({ type: "email.delivery_delayed", attempts: message.attempts, reply: message.all_recipients.find((one) => one.reason)?.reason });
  }
  return made;
}

export function sourcePanel(load) {
  const box = el("div", {}, button("Show the message", async () => {
    try {
      const source = await load();
      fill(box, el("pre", { class: "source", tabindex: "0" }, source.slice(0, SOURCE_MAX)),
        source.length > SOURCE_MAX ? el("p", { class: "note" }, `the first ${bytes(SOURCE_MAX)} of ${bytes(source.length)}`) : null);
    } catch (error) {
      fill(box, el("p", { class: "notice bad" }, error.message));
    }
  }, { "data-act": "source" }));
  return panel("Source", {}, box);
}

export async function openMessage(context, id) {
  const { root, every, signal } = context;
  const heading = el("div", { class: "head" }, el("h1", { class: "mono" }, id));
  const body = el("div", {}, empty("Asking …"));
  const parts = { facts: el("div"), recipients: el("div"), timeline: el("div") };
  let built = false;
  fill(root, heading, body);

  const act = async (action) => { if (await actOnMessages(action, { id: [id] }) !== null) turn(); };
  const build = () => {
    built = true;
    fill(body, el("div", { class: "grid" },
      el("section", { class: "panel third", "aria-label": "Facts" }, parts.facts),
      panel("What happened", { class: "panel two-thirds" }, parts.timeline),
      panel("Recipients", {}, parts.recipients),
      sourcePanel(() => text(`/admin/v1/queue/${id}/content`, { signal }))));
  };
  const turn = every(3, async () => {
    let message = null;
    try {
      message = await get(`/admin/v1/queue/${id}`, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      fill(heading, el("h1", { class: "mono" }, id), el("span", { class: "chip" }, "not in the queue"));
      if (built) return;
      const events = await lines("GET", `/admin/v1/queue/${id}/events`, { signal });
      fill(body, events.length ? panel("What happened", {}, timeline(events)) : el("p", { class: "notice" },
        "This message is not in the queue any more. Its fate is in the log; mail of the HTTP API is found under Submissions for as long as message_retention says."));
      return;
    }
    if (!built) build();
    const held = message.queue_name === "hold";
    fill(heading, el("h1", { class: "mono" }, id), stateChip(message.queue_name), el("span", { class: "gap" }),
      [["flush", "Flush"], held ? ["release", "Release"] : ["hold", "Hold"], ["requeue", "Requeue"]].map(([action, name]) =>
        button(name, () => act(action), { "data-act": action, "data-key": action })),
      [["expire", "Return"], ["delete", "Delete"]].map(([action, name]) => button(name, () => act(action), { class: "danger", "data-act": action, "data-key": action })));
    fill(parts.facts, messageFacts(message));
    fill(parts.recipients, recipientTable(message));
    fill(parts.timeline, timeline(await eventsOf(message, signal)));
  });
}
