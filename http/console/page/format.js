// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat("en");

export function count(value) {
  return value === undefined || value === null ? "–" : whole.format(Math.round(value));
}

/// 12.3K, 4.5M: for tiles and axes.
export function short(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${trim(value / 1e9)}G`;
  if (size >= 1e6) return `${trim(value / 1e6)}M`;
  if (size >= 1e4) return `${trim(value / 1e3)}K`;
  if (size >= 100 || Number.isInteger(value)) return whole.format(Math.round(value));
  return trim(value);
}

function trim(value) {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(1)));
}

export function bytes(value) {
  if (value === undefined || value === null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; ++unit; }
  return `${unit === 0 ? value : trim(value)} ${units[unit]}`;
}

/// "3 d 4 h", "12 s".
export function span(seconds) {
  if (seconds === undefined || seconds === null) return "–";
  seconds = Math.max(0, Math.round(seconds));
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return "0 s";
  const [size, name] = parts[first];
  const text = `${Math.floor(seconds / size)} ${name}`;
  const rest = parts[first + 1];
  const more = rest ? Math.floor((seconds % size) / rest[0]) : 0;
  return more > 0 ? `${text} ${more} ${rest[1]}` : text;
}

export function milliseconds(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds >= 10) return span(seconds);
  if (seconds >= 1) return `${trim(seconds)} s`;
  return `${trim(seconds * 1000)} ms`;
}

/// Of Unix seconds or an ISO text.
export function moment(when) {
  if (!when) return "–";
  const date = typeof when === "number" ? new Date(when * 1000) : new Date(when);
  const pad = (value, width = 2) => String(value).padStart(width, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

export function clock(seconds) {
  return moment(seconds).slice(11, 19);
}

export const now = () => Date.now() / 1000;

export function ago(seconds) {
  return `${span(now() - seconds)} ago`;
}

export function until(seconds) {
  const left = seconds - now();
  return left <= 0 ? "now" : `in ${span(left)}`;
}

export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
