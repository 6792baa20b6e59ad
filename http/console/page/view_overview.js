// How it goes: rates, queue, why mail waits, shards, how long things take.

import { el, empty, fill, panel, table } from "./dom.js";
import { bytes, clock, count, milliseconds, short } from "./format.js";
import { get, text } from "./api.js";
import { TimeChart, spark } from "./chart.js";
import { percentiles } from "./metrics.js";
import { reasonList } from "./reasons.js";
import { summary } from "./summary.js";

const SERIES = [
  { key: "accepted", name: "Accepted", kind: "cool", unit: "messages" },
  { key: "delivered", name: "Delivered", kind: "ok", unit: "recipients" },
  { key: "deferred", name: "Deferred", kind: "wait", unit: "attempts" },
  { key: "bounced", name: "Bounced", kind: "bad", unit: "recipients" },
];
const SPANS = [["15 min", 900], ["1 h", 3600], ["24 h", 86400]];

function tiles(status) {
  return SERIES.map((one) => {
    const rate = status.rate(one.key);
    return el("div", { class: "tile" },
      el("div", { class: "name" }, one.name),
      el("div", { class: "figure" }, short(rate), el("small", {}, " /s")),
      el("div", { class: "more" }, one.unit),
      spark(status.samples.slice(-60).map((sample) => sample[one.key]), one.kind));
  });
}

function queueTiles(found) {
  const states = found?.states || {};
  return [["active", "In delivery"], ["incoming", "Incoming"], ["deferred", "Deferred"], ["hold", "On hold"]].map(([state, name]) =>
    el("div", { class: "tile" }, el("a", { href: `#/messages?state=${state}` },
      el("div", { class: "name" }, name),
      el("div", { class: "figure" }, short(states[state])),
      el("div", { class: "more" }, found ? `messages at ${clock(found.at)}` : "being counted"))));
}

/// Rates of the server's own memory of the last hour or day, rows of [t, accepted, delivered, deferred,
/// bounced], and of this moment behind them.
function historySeries(history, status) {
  const rows = history.data;
  return SERIES.map((one, column) => {
    const points = rows.slice(1).map((row, i) => {
      const gap = row[0] - rows[i][0], grown = row[column + 1] - rows[i][column + 1];
      return [row[0], grown < 0 || gap <= 0 ? null : grown / gap];
    });
    if (status.last) points.push([status.last.at, status.rate(one.key, 5)]);
    return { ...one, points };
  });
}

function shardTable(status) {
  const { last, before } = status;
  const load = (i) => {
    const old = before?.shards[i];
    return old ? `${Math.round((last.shards[i].cpu_micros - old.cpu_micros) / (last.at - before.at) / 1e4)} %` : "–";
  };
  return table([
    { head: "Shard", cell: (row) => row.index },
    { head: "Load", class: "number", title: "share of a processor", cell: (row) => load(row.index) },
    { head: "Sessions", class: "number", cell: (row) => count(row.sessions) },
    { head: "Deliveries", class: "number", cell: (row) => count(row.deliveries) },
    { head: "In memory", class: "number", title: "messages in the schedule", cell: (row) => count(row.active_messages) },
    { head: "Content", class: "number", cell: (row) => bytes(row.content_memory_bytes) },
    { head: "I/O", class: "tight", cell: (row) => row.io_backend },
  ], last.shards.map((shard, index) => ({ ...shard, index })), { caption: "Shards" });
}

function latencyTable(found) {
  const rows = found.filter((row) => row.total > 0);
  if (!rows.length) return empty("Nothing was timed yet.");
  return table([
    { head: "Step", cell: (row) => row.name },
    { head: "Median", class: "number", cell: (row) => milliseconds(row.p50) },
    { head: "99 %", class: "number", cell: (row) => milliseconds(row.p99) },
    { head: "Count", class: "number", cell: (row) => short(row.total) },
  ], rows, { caption: "How long it takes" });
}

export default {
  name: "overview",
  title: "Overview",

  open({ root, every, signal, status, failed }) {
    let spanSeconds = 900, history = null;
    const rateTiles = el("div", { class: "tiles" }), states = el("div", { class: "tiles" });
    const chart = new TimeChart("Messages and recipients a second");
    const switches = el("div", { class: "switch", role: "group", "aria-label": "Time shown" });
    const reasons = el("div", {}, empty("Reading the queue …"));
    const shards = el("div"), latency = el("div");
    fill(root, el("div", { class: "head" }, el("h1", {}, "Overview")),
      el("div", { class: "grid" },
        rateTiles,
        el("section", { class: "panel", "aria-label": "Rates" },
          el("div", { class: "panel-head" }, el("h2", {}, "Rates"), el("span", { class: "gap" }), switches), chart.node),
        states,
        panel("Why mail waits", { class: "panel half" }, reasons),
        panel("How long it takes", { class: "panel half" }, latency),
        panel("Shards", {}, shards)));

    const drawChart = () => {
      const to = status.last?.at || Date.now() / 1000;
      if (!history) return;
      const first = history.data[0]?.[0] ?? to;  // a young server's history fills the width, too
      chart.draw(historySeries(history, status), Math.max(to - spanSeconds, Math.min(first, to - 120)), to);
    };
    const drawSwitches = () => fill(switches, SPANS.map(([name, seconds]) => el("button", {
      type: "button", "data-key": name, "aria-pressed": String(seconds === spanSeconds),
      onclick: () => { spanSeconds = seconds; drawSwitches(); readHistory().catch(failed); },
    }, name)));
    const readHistory = async () => {
      history = await get("/admin/v1/history", { query: { seconds: spanSeconds }, signal });
      drawChart();
    };
    const draw = () => {
      if (!status.last) return;
      fill(rateTiles, tiles(status));
      fill(shards, shardTable(status));
      drawChart();
    };
    drawSwitches();
    draw();
    fill(states, queueTiles(null));
    status.addEventListener("change", draw, { signal });
    every(10, readHistory);
    every(5, async () => fill(latency, latencyTable(percentiles(await text("/metrics", { signal })))));
    every(1, async () => {
      const found = await summary.read();
      if (!found) return;
      fill(states, queueTiles(found));
      fill(reasons, reasonList(found, 6));
    });
  },
};
