// Events in the order in which they happened, each with what the other side said.

import { el } from "./dom.js";
import { moment, plural } from "./format.js";
import { kindOf, nameOf } from "./states.js";

/// Events as they are stored: {type, at (microseconds), recipient, attempts, relay, reply, …}.
export function timeline(events) {
  return el("ol", { class: "timeline" }, events.map((event) => {
    const state = event.type.replace("email.", "");
    const more = event.bounce || event.complaint || event.failed || event.suppressed || event.click || {};
    return el("li", { class: kindOf(state) ? `c-${kindOf(state)}` : "" },
      el("div", { class: "row" }, el("b", {}, nameOf(state)), el("span", { class: "when" }, event.at ? moment(event.at / 1e6) : "")),
      event.recipient ? el("div", { class: "break" }, event.recipient) : null,
      event.reply ? el("div", { class: "note break" }, event.reply) : null,
      el("div", { class: "note" }, [
        event.attempts ? plural(event.attempts, "attempt") : null,
        event.relay && event.relay !== "none" ? `by ${event.relay}` : null,
        more.class ? `class ${more.class}` : null, more.link ? more.link : null,
      ].filter(Boolean).join(" · ")));
  }));
}
