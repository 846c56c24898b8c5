// When to show what was heard: at once. But each time lays the log out anew, and whoever comes back to thousands of messages would wait
// for that longer than for the messages: while many come, they are shown together, some times a second.

/** What came in this time tells how fast it comes. */
const LOOK_MS = 1_000;
/** A conversation may bring so many in that time, whatever each costs. */
const FEW = 8;
/** Showing each on its own may take this share of the time. */
const SHARE = 0.25;
/** Between two times, while many come: longer where showing takes long, but nobody should take the page for stuck. */
const REST_MS = 250, LONGEST_REST_MS = 1_000;

export class Pace {
  /** When how many came, and how long it took to show them, the oldest first. */
  #heard: { at: number; count: number; cost: number }[] = [];
  #rest = -Infinity;

  /** So many were shown together, which took from `start` to `end`. */
  shown(count: number, start: number, end: number): void {
    this.#heard = [...this.#heard.filter(({ at }) => at > end - LOOK_MS), { at: end, count, cost: Math.max(1, end - start) }]; // browsers round to a millisecond
    const many = this.#heard.reduce((sum, one) => sum + one.count, 0);
    // What is usual: one that took long, because something else kept the page busy just then, makes no burst of twenty a second.
    const costs = this.#heard.map(one => one.cost).sort((a, b) => a - b);
    const cost = costs[(costs.length - 1) >> 1] ?? 1;
    const burst = many > FEW && many * cost > SHARE * LOOK_MS;
    this.#rest = burst ? end + Math.min(LONGEST_REST_MS, Math.max(REST_MS, cost / SHARE)) : -Infinity;
  }

  /** Milliseconds until the next may be shown. */
  wait(now: number): number {
    return Math.max(0, this.#rest - now);
  }
}
