// The page's share of the rules for many tabs: who leads, what has not been answered, and when the worker must go.
import { alive, awake, LEAD, NAME } from './names';
import type { AppState, Conversation, Event, Failure, Id, Message } from './types';
import type { Asked, FromLeader, FromWorker, Result, ToLeader, ToWorker, Wire } from './wire';

interface Waiting { asked: Asked; resolve(value: unknown): void; reject(failure: Failure): void }

/** Conversations a new leader is asked about, and how many of their messages. */
const LOOKED = 12, RECENT = 60;
/** A worker that ends more often than this within a minute has something against this browser: the next one comes later. */
const STARTS = 6, LATER = 10_000;

/** Before any leader has spoken. */
export const STARTING: AppState = {
  phase: 'starting',
  me: null,
  device: null,
  session: 'live',
  connection: 'connecting',
  waiting: 0,
  store: 'disk',
  paused: false,
  kit: null,
  unread: 0,
  stay: false,
  theme: 'system',
};

export class Coordinator {
  readonly #tab = crypto.randomUUID();
  readonly #hear: (event: Event) => void;
  readonly #channel = new BroadcastChannel(NAME);
  readonly #unanswered = new Map<number, Waiting>();
  /** Whose messages this page shows, the most recent last. */
  readonly #looked = new Set<Id>();
  /** Known to the screens, to notice what is gone. */
  readonly #conversations = new Set<Id>();
  #worker: Worker | null = null;
  #own = '';
  #leader = '';
  #epoch = 0;
  #last = 0;
  #state: AppState | null = null;
  #paused = false;
  #said = false;
  #hidden = false;
  /** No worker will come any more. */
  #alone = false;
  #starts: number[] = [];

  constructor(hear: (event: Event) => void) {
    this.#hear = hear;
    void navigator.locks.request(awake(this.#tab), () => new Promise(() => {}));
    this.#channel.addEventListener('message', ({ data }: MessageEvent<Wire>) => {
      // The own worker speaks to this page directly, and faster.
      if ('by' in data && data.by !== this.#own) this.#fromLeader(data);
    });
    this.#follow();
    this.#employ(sotto.core);
    this.#toLeader({ t: 'hello', from: this.#tab });
  }

  run(asked: Asked): Promise<unknown> {
    if (asked.command === 'messages') this.#look((asked.args as { conversation: Id }).conversation);
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#unanswered.set(id, { asked, resolve, reject });
      if (this.#epoch > 0) this.#toLeader({ t: 'run', from: this.#tab, id, asked });
      this.#tellWaiting();
      if (this.#alone) this.#refuse();
    });
  }

  /** The page's own comings and goings. */
  #follow(): void {
    // In the back-forward cache a worker would keep the lock, or its place in the queue for it.
    addEventListener('pagehide', event => {
      if (!event.persisted) return;
      this.#hidden = true;
      this.#worker?.terminate();
    });
    addEventListener('pageshow', event => { if (event.persisted) location.reload(); });
    const wake = () => this.#toLeader({ t: 'wake' });
    addEventListener('online', wake);
    document.addEventListener('resume', wake);
    document.addEventListener('visibilitychange', () => {
      this.#worker?.postMessage({ t: 'visible', visible: !document.hidden } satisfies ToWorker);
      if (!document.hidden) wake();
    });
  }

  #employ(hired: Promise<Worker>): void {
    this.#starts = [...this.#starts.filter(at => at > performance.now() - 60_000), performance.now()];
    hired.then(worker => {
      this.#worker = worker;
      this.#said = false;
      worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => this.#fromWorker(data));
      worker.postMessage({ t: 'tab', tab: this.#tab } satisfies ToWorker);
      worker.postMessage({ t: 'visible', visible: !document.hidden } satisfies ToWorker);
      this.#tellWaiting();
    }, () => this.#giveUp());
  }

  #fromWorker(message: FromWorker): void {
    switch (message.t) {
      case 'up':
        this.#own = message.worker;
        // Granted when the worker has ended, whatever ended it.
        void navigator.locks.request(alive(message.worker), () => { this.#ended(); });
        return;
      case 'paused':
        this.#setPaused(message.paused);
        return;
      case 'refused':
        sotto.fail(message.why);
        this.#giveUp();
        return;
      default:
        this.#fromLeader(message);
    }
  }

  /** Another tab goes on, or a new worker does. */
  #ended(): void {
    this.#worker = null;
    this.#own = '';
    if (this.#hidden || this.#alone) return;
    if (this.#starts.length <= STARTS) return this.#employ(sotto.again());
    this.#refuse();
    setTimeout(() => this.#employ(sotto.again()), LATER);
  }

  /** The files are not those of this release, or there is no randomness: no worker will come, though another tab may still serve this page. */
  #giveUp(): void {
    this.#alone = true;
    this.#refuse();
  }

  /** When nobody leads, nothing can be answered. */
  #refuse(): void {
    void navigator.locks.request(LEAD, { ifAvailable: true }, lock => {
      if (!lock) return;
      for (const { reject } of this.#unanswered.values()) reject({ code: 'store_failed' });
      this.#unanswered.clear();
    });
  }

  #toLeader(message: ToLeader): void {
    if (this.#leader !== '' && this.#leader === this.#own) this.#worker?.postMessage(message);
    else this.#channel.postMessage(message);
  }

  #fromLeader(message: FromLeader): void {
    if (message.epoch < this.#epoch) return;
    switch (message.t) {
      case 'leads':
        this.#follows(message.by, message.epoch, message.state);
        return;
      case 'opening':
        this.#setPaused(message.paused);
        return;
      case 'answer':
        if (message.to === this.#tab) this.#answered(message.id, message.result);
        return;
      case 'events':
        message.events.forEach(event => this.#show(event));
        return;
      case 'busy':
      case 'key':
        return;
      default:
        message satisfies never;
    }
  }

  #follows(leader: string, epoch: number, state: AppState): void {
    const before = this.#epoch;
    this.#leader = leader;
    this.#epoch = epoch;
    this.#paused = false;
    this.#show({ event: 'state', state });
    if (epoch > before) {
      // A leader speaks to tabs that it has heard of.
      if (leader !== this.#own) this.#toLeader({ t: 'hello', from: this.#tab });
      // The same ids as before: what the last leader has done already is done.
      for (const [id, { asked }] of this.#unanswered) this.#toLeader({ t: 'run', from: this.#tab, id, asked });
      if (before > 0 && state.phase === 'open') void this.#compare();
    }
    this.#tellWaiting();
  }

  #answered(id: number, result: Result): void {
    const waiting = this.#unanswered.get(id);
    if (!waiting) return;
    this.#unanswered.delete(id);
    if (result.fine) {
      if (waiting.asked.command === 'conversations') for (const { id } of result.value as Conversation[]) this.#conversations.add(id);
      waiting.resolve(result.value);
    } else {
      waiting.reject(result.failure);
    }
    this.#tellWaiting();
  }

  #show(event: Event): void {
    switch (event.event) {
      case 'state':
        this.#state = event.state;
        if (event.state.phase !== 'open') this.#forget();
        this.#hear({ event: 'state', state: { ...event.state, paused: this.#paused } });
        return;
      case 'conversation':
        this.#conversations.add(event.conversation.id);
        break;
      case 'reset':
        this.#forget();
        break;
      case 'message':
      case 'message-gone':
        break;
      default:
        event satisfies never;
    }
    this.#hear(event);
  }

  #forget(): void {
    this.#looked.clear();
    this.#conversations.clear();
  }

  #look(conversation: Id): void {
    this.#looked.delete(conversation);
    this.#looked.add(conversation);
    for (const old of this.#looked) {
      if (this.#looked.size <= LOOKED) break;
      this.#looked.delete(old);
    }
  }

  /** A leader that ended may have made something durable that it did not live to show: look again at what is on the screen. */
  async #compare(): Promise<void> {
    try {
      const known = [...this.#conversations];
      const conversations = await this.run({ command: 'conversations', args: {} }) as Conversation[];
      const there = new Set(conversations.map(({ id }) => id));
      if (known.some(id => !there.has(id))) return this.#show({ event: 'reset' });
      for (const conversation of conversations) this.#hear({ event: 'conversation', conversation });
      for (const conversation of [...this.#looked].filter(id => there.has(id))) {
        const args = { conversation, before: null, limit: RECENT };
        const { messages } = await this.run({ command: 'messages', args }) as { messages: Message[] };
        for (const message of messages) this.#hear({ event: 'message', message });
      }
    } catch {
      // Locked or signed out meanwhile: there is nothing on the screen to compare.
    }
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#hear({ event: 'state', state: { ...(this.#state ?? STARTING), paused } });
  }

  /** The worker watches the leader for a page that waits: its timers run in the background too. */
  #tellWaiting(): void {
    const waiting = this.#epoch === 0 || this.#unanswered.size > 0;
    if (waiting === this.#said || !this.#worker) return;
    this.#said = waiting;
    this.#worker.postMessage({ t: 'waiting', waiting } satisfies ToWorker);
  }
}
