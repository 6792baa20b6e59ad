// States and events as coloured words.

import { el } from "./dom.js";

const KINDS = {
  active: "cool", incoming: "cool", sent: "cool", queued: "cool", scheduled: "cool", pending: "cool", opened: "cool", clicked: "cool",
  delivered: "ok", deferred: "wait", delivery_delayed: "wait", hold: "hold", suppressed: "hold", canceled: "hold",
  bounced: "bad", failed: "bad", complained: "bad", expired: "bad", settled: "bad",
};
const NAMES = {
  active: "in delivery", hold: "on hold", delivery_delayed: "delayed", sent: "accepted", settled: "returned", pending: "waiting",
};

export const kindOf = (state) => KINDS[state] || "";
export const nameOf = (state) => NAMES[state] || String(state).replaceAll("_", " ");

export function stateChip(state) {
  return el("span", { class: `chip ${kindOf(state)}` }, nameOf(state));
}
