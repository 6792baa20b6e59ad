// Lines over time as SVG: a spark without axes, and a chart that tells its values under the pointer.

import { el, fill, svg } from "./dom.js";
import { clock, short } from "./format.js";

/// `points`: [x, y][] with y null where nothing is known; gaps are not bridged.
function paths(points, x, y, floor) {
  const runs = [[]];
  for (const [px, py] of points) {
    if (py === null) runs.push([]); else runs.at(-1).push([x(px), y(py)]);
  }
  const drawn = runs.filter((run) => run.length > 1);
  const text = (run) => run.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
  return {
    line: drawn.map(text).join(""),
    area: drawn.map((run) => `${text(run)}L${run.at(-1)[0].toFixed(1)} ${floor}L${run[0][0].toFixed(1)} ${floor}Z`).join(""),
  };
}

export function spark(values, kind) {
  const points = values.map((value, i) => [i, value]);
  const top = Math.max(1e-9, ...values.filter((value) => value !== null));
  const { line, area } = paths(points, (i) => (i / Math.max(1, values.length - 1)) * 100, (v) => 38 - (v / top) * 34, 40);
  return svg("svg", { class: `spark c-${kind}`, viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "area", d: area }), svg("path", { class: "line", d: line }));
}

/// A number of the form 1, 2 or 5 times a power of ten, not below `value`.
function round(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return [1, 2, 5, 10].map((step) => step * power).find((one) => one >= value - 1e-12);
}

const WIDTH = 900, HEIGHT = 220, LEFT = 46, RIGHT = 8, TOP = 10, BOTTOM = 22;

/// `series`: {name, kind, points: [seconds, value|null][]}[]; one node, drawn anew by draw().
export class TimeChart {
  constructor(label) {
    this.label = label;
    this.legend = el("div", { class: "legend" });
    this.plot = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.node = el("div", {}, this.plot, this.legend);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => { this.at = null; this.draw(this.series, this.from, this.to); });
    new ResizeObserver(() => this.draw(this.series, this.from, this.to)).observe(this.plot);
  }

  draw(series, from, to) {
    if (!series) return;
    Object.assign(this, { series, from, to });
    const width = Math.max(280, this.plot.clientWidth || WIDTH);
    this.plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const top = round(Math.max(1, ...series.flatMap((one) => one.points.map((point) => point[1] ?? 0))));
    const x = (t) => LEFT + ((t - from) / (to - from)) * (width - LEFT - RIGHT);
    const y = (v) => HEIGHT - BOTTOM - (v / top) * (HEIGHT - TOP - BOTTOM);
    const rows = [0, 0.5, 1].map((part) => [
      svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(top * part), y2: y(top * part) }),
      svg("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, short(top * part))]);
    const marks = (width < 520 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => svg("text", {
      x: x(from + (to - from) * part), y: HEIGHT - 6,
      "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle",
    }, clock(from + (to - from) * part).slice(0, to - from > 1200 ? 5 : 8)));
    const curves = series.map((one) => {
      const { line, area } = paths(one.points, x, y, HEIGHT - BOTTOM);
      return svg("g", { class: `c-${one.kind}` }, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: line }));
    });
    const cursor = this.at ? svg("line", { class: "axis", x1: x(this.at), x2: x(this.at), y1: TOP, y2: HEIGHT - BOTTOM }) : null;
    fill(this.plot, rows, marks, curves, cursor);
    this.tell();
  }

  point(event) {
    if (!this.series) return;
    const box = this.plot.getBoundingClientRect();
    const width = Math.max(280, this.plot.clientWidth);
    const part = ((event.clientX - box.left) / box.width * width - LEFT) / (width - LEFT - RIGHT);
    this.at = this.from + Math.min(1, Math.max(0, part)) * (this.to - this.from);
    this.draw(this.series, this.from, this.to);
  }

  /// The legend has the values at the pointer, else the latest ones; so has the picture's label.
  tell() {
    const values = this.series.map((one) => {
      const known = one.points.filter((point) => point[1] !== null);
      if (!known.length) return null;
      if (!this.at) return known.at(-1)[1];
      return known.reduce((best, point) => (Math.abs(point[0] - this.at) < Math.abs(best[0] - this.at) ? point : best))[1];
    });
    const text = (value) => (value === null ? "–" : `${short(value)}/s`);
    fill(this.legend, this.series.map((one, i) => el("span", { class: `c-${one.kind}` }, `${one.name} `, el("b", {}, text(values[i])))),
      el("i", {}, this.at ? clock(this.at) : ""));
    this.plot.setAttribute("aria-label", `${this.label}: ` + this.series.map((one, i) => `${one.name} ${text(values[i])}`).join(", "));
  }
}
