// Why mail waits: reasons that differ in names and numbers only are one.

import { el, empty } from "./dom.js";
import { plural } from "./format.js";

export function reasonList(found, rows) {
  if (!found.reasons.length) return empty(found.messages ? "Nothing was deferred." : "The queue is empty.");
  const total = Math.max(1, ...found.reasons.map((one) => one.recipients));
  return el("ul", { class: "reasons" }, found.reasons.slice(0, rows).map((one) => el("li", {},
    el("div", { class: "why" }, one.reason),
    el("div", { class: "bar c-wait" }, el("i", { vars: { w: `${(one.recipients / total) * 100}%` } })),
    el("div", { class: "meta" },
      el("b", {}, plural(one.recipients, "recipient")),
      one.domains.map((domain) => el("a", { href: `#/messages?domain=${encodeURIComponent(domain)}` }, domain)),
      one.domains_count > one.domains.length ? `and ${plural(one.domains_count - one.domains.length, "other domain")}` : null,
      el("a", { href: `#/messages/${one.sample}` }, "an example")))));
}
