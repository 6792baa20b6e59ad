// What operators do with messages, sites and tenants: asked before, told after.

import { count, plural } from "./format.js";
import { lines, send } from "./api.js";
import { asked, complain, confirmed, toast } from "./dialog.js";
import { summary } from "./summary.js";

const ACTIONS = {
  hold: { verb: "Hold", done: "on hold", text: "No attempt is made until they are released." },
  release: { verb: "Release", done: "released", text: "They are tried again, at once." },
  flush: { verb: "Flush", done: "due now", text: "They are tried now, whatever their next attempt was." },
  requeue: { verb: "Requeue", done: "queued anew", text: "They are routed again, as if they came now." },
  expire: { verb: "Return", done: "returned", danger: true, text: "They go back to their senders as undeliverable." },
  delete: { verb: "Delete", done: "deleted", danger: true, text: "They are gone, without a notice to anybody. This cannot be undone." },
};

async function act(action, query) {
  const told = await lines("POST", `/admin/v1/queue/${action}`, { query });
  const result = told.at(-1);
  if (!result || result.result !== "ok") throw new Error(`${ACTIONS[action].verb}: ${result?.result || "no answer"}`);
  return result;
}

/// `query`: {id: [...]} or filters. How many messages were meant, or null if the person said no.
export async function actOnMessages(action, query, what) {
  const { verb, done, text, danger } = ACTIONS[action];
  try {
    const meant = query.id ? query.id.length : (await act(action, { ...query, dry_run: "true" })).matched;
    if (meant === 0) {
      toast("No message matches: nothing was done.", "bad");
      return null;
    }
    const title = `${verb} ${plural(meant, "message")}?`;
    if (!(await confirmed({ title, text: [what ? `${what}. ` : "", text].join(""), verb, danger }))) return null;
    const result = await act(action, query);
    summary.stale();
    const missing = result.unknown?.length ? `; ${plural(result.unknown.length, "message")} not there any more` : "";
    const busy = result.busy ? `; ${count(result.busy)} when their attempt ends` : "";
    toast(`${plural(result.matched, "message")} ${done}${busy}${missing}`);
    return result.matched;
  } catch (error) {
    complain(error);
    return null;
  }
}

/// Keeps mail back; true if it is suspended now.
export async function suspend(kind = "domain", value = "") {
  const wish = await asked({
    title: "Suspend deliveries", verb: "Suspend",
    text: "Mail that is kept back stays in the queue and is not counted as an attempt.",
    fields: [
      { name: "kind", label: "Of a", value: kind, options: [["domain", "domain"], ["site", "site"], ["tenant", "tenant"], ["stream", "stream"]] },
      { name: "value", label: "Which", value, required: true, placeholder: "example.org" },
      { name: "for", label: "For (empty: until it is resumed)", placeholder: "1h" },
      { name: "reason", label: "Reason, shown wherever its mail is", placeholder: "blocklisted, ticket 4711" },
    ],
  });
  if (!wish) return false;
  try {
    await send("POST", "/admin/v1/suspensions", { query: wish });
    toast(`${wish.kind} ${wish.value} is suspended`);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

export async function resume(kind, value) {
  const text = "What was kept back is due now.";
  if (!(await confirmed({ title: `Resume ${kind} ${value}?`, text, verb: "Resume" }))) return false;
  try {
    await send("DELETE", "/admin/v1/suspensions", { query: { kind, value } });
    summary.stale();
    toast(`${kind} ${value} is delivered to again`);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
