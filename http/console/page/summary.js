// The queue counted as a whole. That reads all of it, so it is not done more often than a tenth of the
// time allows, and all views share one result.

import { lines } from "./api.js";

class Summary {
  last = null;
  examined = 0;
  due = 0;

  /// The latest one; null while the first is under way elsewhere.
  async read(signal, { fresh = false } = {}) {
    if (!fresh && Date.now() < this.due) return this.last;
    const started = Date.now();
    this.due = started + 60_000;  // nobody else begins meanwhile
    try {
      await lines("GET", "/admin/v1/queue_summary", { query: { rows: 200 }, signal, onLine: (line) => {
        this.examined = line.examined;
        if (line.complete) this.last = { ...line, at: Date.now() / 1000 };
      } });
    } finally {
      const took = Date.now() - started;
      this.due = Date.now() + Math.max(4000, took * 9);
    }
    return this.last;
  }

  /// After something was changed.
  stale() { this.due = 0; }
}

export const summary = new Summary();
