// Watches the leader for a page that waits for it. Lives in the worker, whose timers run while the page is in the background.

/** What the watch may do. */
export interface Means {
  /** Ask whoever leads to say so. */
  ask(): void;
  /** A new request for the lock throws a holder out of the back-forward cache. */
  knock(): Promise<unknown>;
  /** Take the lock away. */
  steal(): void;
  /** Tell the page. */
  paused(paused: boolean): void;
  now(): number;
}

const QUIET = 1_500, STEP = 500, PAUSED = 3_000, BETWEEN_THEFTS = 10_000;
/** Opening with a password keeps a worker busy for seconds. */
const PATIENCE = 30_000;
const EVERY = 250;

export class Watch {
  readonly #means: Means;
  #timer: ReturnType<typeof setInterval> | undefined;
  #since = 0;
  #step = 0;
  #asked = 0;
  #stolen = -Infinity;
  #busyUntil = 0;
  #paused = false;
  visible = false;

  constructor(means: Means) {
    this.#means = means;
  }

  /** The page waits. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#since = this.#means.now();
    this.#step = 0;
    this.#timer = setInterval(() => this.#tick(), EVERY);
  }

  /** The page waits no more, or this worker leads itself. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#setPaused(false);
  }

  /** The leader said something. */
  heard(busy?: boolean): void {
    this.#since = this.#means.now();
    this.#step = 0;
    if (busy !== undefined) this.#busyUntil = busy ? this.#since + PATIENCE : 0;
    this.#setPaused(false);
  }

  #tick(): void {
    const now = this.#means.now(), quiet = now - this.#since;
    if (now < this.#busyUntil) return;
    if (now - this.#asked >= STEP) {
      this.#asked = now;
      this.#means.ask();
    }
    if (quiet >= PAUSED) this.#setPaused(true);
    if (this.#step === 0 && quiet >= QUIET) {
      this.#step = 1;
      void this.#means.knock();
    } else if (this.#step === 1 && quiet >= QUIET + STEP && this.visible && now - this.#stolen >= BETWEEN_THEFTS) {
      this.#step = 2;
      this.#stolen = now;
      this.#means.steal();
    }
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#means.paused(paused);
  }
}
