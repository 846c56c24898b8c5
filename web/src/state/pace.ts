// When to show what was heard: at once. But each time lays the log out anew, and whoever comes back to thousands of messages would wait
// for that longer than for the messages: while many come, they are shown together, some times a second.

/** So many at once are more than a conversation brings. */
const MANY = 16;
const REST_MS = 250;

export class Pace {
  #next = -Infinity;

  /** So many were shown just now. */
  shown(count: number, now: number): void {
    this.#next = count >= MANY ? now + REST_MS : -Infinity;
  }

  /** Milliseconds until the next may be shown. */
  wait(now: number): number {
    return Math.max(0, this.#next - now);
  }
}
