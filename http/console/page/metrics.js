// Percentiles out of the histograms of /metrics.

const NAMES = [
  ["commit_seconds", "Commit to disk"],
  ["smtp_accept_seconds", "Accept over SMTP"],
  ["http_accept_seconds", "Accept over HTTP"],
  ["delivery_seconds", "Delivery attempt"],
  ["queue_age_seconds", "Arrival to delivery"],
];

/// The value below which a share of the observations lies, between two bounds in proportion.
function percentile(bounds, share) {
  const total = bounds.at(-1)?.[1] || 0;
  if (total === 0) return null;
  let below = 0, from = 0;
  for (const [bound, upTo] of bounds) {
    if (upTo >= share * total) {
      if (bound === Infinity) return from;
      return from + (bound - from) * ((share * total - below) / Math.max(1, upTo - below));
    }
    below = upTo;
    from = bound;
  }
  return from;
}

/// {name, p50, p99, total}[] over all shards and streams.
export function percentiles(exposition) {
  return NAMES.map(([metric, name]) => {
    const sums = new Map();
    for (const [, labels, value] of exposition.matchAll(new RegExp(`^barid_${metric}_bucket\\{([^}]*)\\} (\\S+)$`, "gm"))) {
      const bound = labels.match(/le="([^"]*)"/)?.[1];
      const at = bound === "+Inf" ? Infinity : Number(bound);
      sums.set(at, (sums.get(at) || 0) + Number(value));
    }
    const bounds = [...sums].sort((a, b) => a[0] - b[0]);
    return { name, p50: percentile(bounds, 0.5), p99: percentile(bounds, 0.99), total: bounds.at(-1)?.[1] || 0 };
  });
}
