// The queue counted as a whole. That reads all of it, so it is not done for more than a quarter of the
// time; all views share one result, and leaving a view does not stop it.

import { lines } from "./api.js";

class Summary {
  last = null;
  examined = 0;
  due = 0;
  running = false;

  /// The latest one, null if there is none yet; a newer one is begun when it is time.
  async read() {
    if (this.running || Date.now() < this.due) return this.last;
    this.running = true;
    const started = Date.now();
    try {
      await lines("GET", "/admin/v1/queue_summary", { query: { rows: 200 }, onLine: (line) => {
        this.examined = line.examined;
        if (line.complete) this.last = { ...line, at: Date.now() / 1000 };
      } });
    } finally {
      this.running = false;
      this.due = Date.now() + Math.max(3000, (Date.now() - started) * 3);
    }
    return this.last;
  }

  /// After something was changed.
  stale() { this.due = 0; }
}

export const summary = new Summary();
