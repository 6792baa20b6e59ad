// One submission of the API: what was asked for, and what became of each recipient.

import { el, empty, fill, panel, table } from "./dom.js";
import { moment } from "./format.js";
import { ApiError, get, lines } from "./api.js";
import { facts, sourcePanel } from "./message.js";
import { stateChip } from "./states.js";
import { timeline } from "./timeline.js";
import { text } from "./api.js";

function emailFacts(email) {
  const list = (addresses) => (addresses || []).join(", ");
  return facts([
    ["From", email.from], ["To", list(email.to)], ["Cc", list(email.cc)], ["Bcc", list(email.bcc)],
    ["Submitted", moment(email.created_at)], ["Scheduled", email.scheduled_at ? moment(email.scheduled_at) : null],
    ["Tenant", email.tenant], ["Stream", email.stream],
    ["Message-ID", el("span", { class: "mono" }, email.message_id)],
    ["Tags", (email.tags || []).map((tag) => `${tag.name}=${tag.value}`).join(", ")],
    ["Metadata", email.metadata && Object.keys(email.metadata).length ? JSON.stringify(email.metadata) : null],
  ]);
}

function recipientTable(email) {
  return table([
    { head: "Recipient", class: "break", cell: (row) => row.email },
    { head: "State", class: "tight", cell: (row) => stateChip(row.state) },
    { head: "Attempts", class: "number", cell: (row) => row.attempts },
    { head: "Next", class: "tight", cell: (row) => (row.next_attempt ? moment(row.next_attempt) : "–") },
    { head: "Last reply", class: "long", cell: (row) => row.last_reply || "–" },
    { head: "Queue ID", cell: (row) => (row.queue_id ? el("a", { class: "mono", href: `#/messages/${row.queue_id}` }, row.queue_id) : "–") },
  ], email.recipients, { caption: "Recipients" });
}

export async function openEmail({ root, every, signal }, id) {
  const heading = el("div", { class: "head" }, el("h1", { class: "mono" }, id));
  const body = el("div", {}, empty("Asking …"));
  const parts = { facts: el("div"), recipients: el("div"), timeline: el("div") };
  let built = false;
  fill(root, heading, body);
  every(3, async () => {
    let email = null;
    try {
      email = await get(`/admin/v1/emails/${id}`, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      fill(body, el("p", { class: "notice" }, "There is no such submission, or it was let go after message_retention."));
      return;
    }
    if (!built) {
      built = true;
      const first = email.recipients.find((one) => one.queue_id)?.queue_id;
      fill(body, el("div", { class: "grid" },
        el("section", { class: "panel third", "aria-label": "Facts" }, parts.facts),
        panel("What happened", { class: "panel two-thirds" }, parts.timeline),
        panel("Recipients", {}, parts.recipients),
        first ? sourcePanel(() => text(`/admin/v1/queue/${first}/content`, { signal })) : null));
    }
    fill(heading, el("h1", { class: "break" }, email.subject || "(no subject)"), stateChip(email.last_event), el("span", { class: "note mono" }, id));
    fill(parts.facts, emailFacts(email));
    fill(parts.recipients, recipientTable(email));
    fill(parts.timeline, timeline(await lines("GET", `/admin/v1/emails/${id}/events`, { signal })));
  });
}
