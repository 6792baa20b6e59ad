// What the server says about itself every two seconds: the header, tiles and charts live on it.

import { now } from "./format.js";

const EVERY = 2;
const KEPT = 450;  // a quarter of an hour

/// Recipients that will not be delivered any more.
const RATES = {
  accepted: (c) => c.messages_accepted_total,
  delivered: (c) => c.recipients_delivered_total,
  deferred: (c) => c.recipients_deferred_total,
  bounced: (c) => c.recipients_bounced_total + c.recipients_expired_total,
};

export class Status extends EventTarget {
  last = null;
  before = null;
  problem = "";
  locked = false;
  samples = [];  // {at, accepted, …: a second, or null}

  get refusal() {
    return this.last?.shards.map((shard) => shard.refusal).find(Boolean) || "";
  }

  start(ask) {
    const turn = async () => {
      try {
        if (!document.hidden && !this.locked) this.take(await ask());
      } catch (error) {
        this.fail(error);
      }
      setTimeout(turn, EVERY * 1000);
    };
    turn();
  }

  fail(error) {
    this.problem = error.status ? error.message : "the server cannot be reached";
    this.dispatchEvent(new Event("change"));
  }

  take(status) {
    status.at = now();
    const old = this.last;
    const known = old && old.pid === status.pid && status.at - old.at < EVERY * 5;
    const sample = { at: status.at };
    for (const [name, of] of Object.entries(RATES)) {
      const grown = known ? of(status.counters) - of(old.counters) : -1;
      sample[name] = grown < 0 ? null : grown / (status.at - old.at);
    }
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.shift();
    this.before = known ? old : null;
    this.last = status;
    this.problem = "";
    this.dispatchEvent(new Event("change"));
  }

  /// Mean of the last samples, so that a figure can be read before it changes.
  rate(name, samples = 3) {
    const values = this.samples.slice(-samples).map((one) => one[name]).filter((value) => value !== null);
    return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  }
}
