// The queue by destination and age, as qshape has it, and why mail waits.

import { button, el, empty, fill, panel } from "./dom.js";
import { clock, count, plural, span, now } from "./format.js";
import { actOnMessages, suspend } from "./actions.js";
import { reasonList } from "./reasons.js";
import { summary } from "./summary.js";

const FIRST_ROWS = 25;

function ageName(head) {
  return head.endsWith("+") ? "older" : Number(head) < 60 ? `< ${head} m` : `< ${Math.round(Number(head) / 60)} h`;
}

/// The shade grows with the logarithm: a row of thousands must not hide one of ten.
function heat(number, top) {
  return number ? (0.1 + 0.6 * (Math.log1p(number) / Math.log1p(top))).toFixed(3) : "0";
}

function matrix(found, shown, act) {
  const top = Math.max(1, ...found.domains.flatMap((row) => row.ages));
  const cells = (ages, scale) => ages.map((number) => el("td", {
    class: scale ? "number cell" : "number", "data-n": number, vars: scale ? { h: heat(number, top) } : {},
  }, number ? count(number) : "·"));
  const row = (one) => el("tr", {},
    el("th", { scope: "row" }, el("a", { href: `#/messages?domain=${encodeURIComponent(one.domain)}` }, one.domain)),
    el("td", { class: "number" }, el("b", {}, count(one.recipients))),
    cells(one.ages, true),
    el("td", { class: "actions" }, el("div", { class: "row" },
      button("Flush", () => act("flush", one.domain), { class: "small", "data-key": `f ${one.domain}`, "aria-label": `Flush ${one.domain}` }),
      button("Hold", () => act("hold", one.domain), { class: "small", "data-key": `h ${one.domain}`, "aria-label": `Hold mail to ${one.domain}` }),
      button("Suspend", () => suspend("domain", one.domain), { class: "small", "data-key": `s ${one.domain}`, "aria-label": `Suspend ${one.domain}` }))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Queue by destination and age" },
    el("table", { class: "heat" },
      el("caption", { class: "unseen" }, "Recipients by destination and age"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Destination"), el("th", { scope: "col", class: "number" }, "Total"),
        found.heads.map((head) => el("th", { scope: "col", class: "number" }, ageName(head))), el("th", { scope: "col" }, el("span", { class: "unseen" }, "Actions")))),
      el("tbody", {},
        el("tr", {}, el("th", { scope: "row" }, "All"), el("td", { class: "number" }, el("b", {}, count(found.recipients))), cells(found.ages, false), el("td")),
        found.domains.slice(0, shown).map(row))));
}

export default {
  name: "queue",
  title: "Queue",

  open({ root, every }) {
    let shown = FIRST_ROWS, found = summary.last;
    const note = el("span", { class: "note" }), table = el("div"), reasons = el("div");
    fill(root, el("div", { class: "head" }, el("h1", {}, "Queue"), note, el("span", { class: "gap" }),
      button("Read again", () => { summary.stale(); turn(); }, { class: "small" })),
    el("div", { class: "grid" },
      panel("By destination and age", {}, table),
      panel("Why mail waits", {}, reasons)));

    const act = async (action, domain) => {
      if (await actOnMessages(action, { domain }, `All mail to ${domain}`) !== null) turn();
    };
    const draw = () => {
      if (!found) {
        fill(table, empty(`Reading the queue … ${count(summary.examined)} so far`));
        return;
      }
      note.textContent = `${plural(found.messages, "message")}, ${plural(found.recipients, "recipient")}` +
        (found.oldest ? `, the oldest ${span(now() - found.oldest)}` : "") + ` · as of ${clock(found.at)}`;
      const rest = found.domains_count - Math.min(shown, found.domains.length);
      const more = shown < found.domains.length
        ? button(`Show ${Math.min(200, found.domains.length) - shown} more of ${plural(rest, "destination")}`, () => { shown = 200; draw(); }, { "data-key": "more" })
        : rest > 0 ? el("p", { class: "note" }, `and ${plural(rest, "destination")} with less`) : null;
      fill(table, found.messages ? [matrix(found, shown, act), more] : empty("The queue is empty."));
      fill(reasons, reasonList(found, 30));
    };
    draw();
    const turn = every(2, async () => {
      const latest = await summary.read();
      if (latest === found && found) return;
      found = latest;
      draw();
    });
  },
};
