// One term of leading: the core, and what it needs done. Requests and socket are plain here; what they carry is the core's.
import { Runner, version, type Host } from './generated/pkg/core.js';
import type { Cabinet, Slot } from './cabinet';
import { Log } from './log';
import { NAME, SLOT } from './names';
import { seal, unseal } from './seal';
import type { AppState, Event, Failure } from './types';
import type { Asked, FromLeader, Result, Sealed } from './wire';

type Bytes = Uint8Array<ArrayBuffer>;

/** Where a command came from: the own page, or a tab by its name. */
export interface Origin { tab: string; own: boolean; id: number }

/** What a leader says, without what every message carries. */
export type Said = FromLeader extends infer M ? M extends FromLeader ? Omit<M, 'epoch' | 'by'> : never : never;

export interface Surroundings {
  cabinet: Cabinet | null;
  home: AppState['store'];
  /** The key of a store that does not stay open, as other tabs remember it. */
  held: Sealed | null;
  /** To every tab, or only to one. */
  say(message: Said, only?: Origin): void;
  /** Remember, or forget. */
  hold(sealed: Sealed | null): void;
}

const REQUEST_LIMIT = 60_000;
const LONGEST_TIMER = 2 ** 31 - 1;
/** They stretch a password, which takes the whole worker for a second or more. */
const SLOW = new Set<Asked['command']>(['register', 'login', 'unlock', 'recover']);

export class Leader implements Host {
  readonly #around: Surroundings;
  readonly #runner: Runner;
  readonly #log: Log | null;
  readonly #origins = new Map<bigint, Origin & { slow: boolean }>();
  readonly #ready = Promise.withResolvers<void>();
  #commands = 0n;
  #state: AppState | null = null;
  #slot: Slot | null = null;
  #started = false;
  #socket: WebSocket | null = null;
  #era = new AbortController();
  #alarm: ReturnType<typeof setTimeout> | undefined;
  /** When it rings, and when the core wants to be called. */
  #rings = Infinity;
  #due = Infinity;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#log = around.cabinet && new Log(around.cabinet);
    this.#runner = new Runner(this, NAME, around.home);
  }

  /** Resolves when everything may be asked. */
  async start(): Promise<void> {
    this.#slot = await this.#around.cabinet?.slot() ?? null;
    const sealed = this.#slot?.sealed ?? this.#around.held;
    const key = this.#slot && sealed ? await unseal(sealed).catch(() => undefined) : undefined;
    this.#runner.start(this.#slot?.slot, key);
    key?.fill(0);
    await this.#ready.promise;
  }

  get state(): AppState | null { return this.#started ? this.#state : null; }

  run(origin: Origin, asked: Asked): void {
    const id = this.#commands++;
    const slow = SLOW.has(asked.command);
    this.#origins.set(id, { ...origin, slow });
    if (slow) this.#around.say({ t: 'busy', busy: true });
    this.#runner.command(id, JSON.stringify(asked));
  }

  /** The core says so after everything it has done, and mostly that it can wait longer: a timer that rings too early costs less than two calls each time. */
  wake(at = Infinity): void {
    this.#due = at;
    if (at < this.#rings) this.#ring(at);
  }

  #ring(at: number): void {
    clearTimeout(this.#alarm);
    this.#rings = at;
    this.#alarm = setTimeout(() => {
      this.#rings = Infinity;
      if (this.#due <= Date.now()) this.#runner.timeout();
      else if (this.#due < Infinity) this.#ring(this.#due);
    }, Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER));
  }

  online(): void { this.#runner.online(); }

  /** Lets go of everything that another leader needs. */
  close(): void {
    clearTimeout(this.#alarm);
    this.cut();
    this.#runner.close();
  }

  // What the core asks for.

  show(text: string): void {
    const events = JSON.parse(text) as Event[];
    for (const event of events) {
      if (event.event !== 'state') continue;
      event.state = { ...event.state, store: this.#around.home, paused: false };
      this.#state = event.state;
    }
    if (this.#started) this.#around.say({ t: 'events', events });
  }

  answer(id: bigint, fine: boolean, text: string): void {
    const origin = this.#origins.get(id);
    if (!origin) return;
    this.#origins.delete(id);
    const result: Result = fine ? { fine, value: JSON.parse(text) as unknown } : { fine, failure: JSON.parse(text) as Failure };
    this.#around.say({ t: 'answer', to: origin.tab, id: origin.id, result }, origin);
    if (origin.slow) this.#around.say({ t: 'busy', busy: false });
  }

  transmit(frame: Uint8Array): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(frame as Bytes);
  }

  openSocket(ticket: string): void {
    this.closeSocket();
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws`, ['sotto.1', `ticket.${ticket}`]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const mine = (act: () => void) => { if (this.#socket === socket) act(); };
    socket.addEventListener('open', () => mine(() => this.#runner.socketOpen()));
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => mine(() => {
      if (data instanceof ArrayBuffer) this.#runner.socketFrame(new Uint8Array(data));
    }));
    socket.addEventListener('close', () => mine(() => {
      this.#socket = null;
      this.#runner.socketClosed();
    }));
  }

  closeSocket(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  request(id: bigint, method: string, path: string, type: string | undefined, body: Uint8Array | undefined): void {
    void this.#request(id, method, path, type, body as Bytes | undefined);
  }

  async #request(id: bigint, method: string, path: string, type: string | undefined, body: Bytes | undefined): Promise<void> {
    const era = this.#era.signal;
    const headers: Record<string, string> = { 'Sotto-Client': version(), 'Sotto-Account': String(SLOT) };
    if (type !== undefined) headers['Content-Type'] = type;
    const init: RequestInit = {
      method, headers, cache: 'no-store', credentials: 'same-origin', redirect: 'error', signal: AbortSignal.any([era, AbortSignal.timeout(REQUEST_LIMIT)]),
    };
    if (body) init.body = body;
    const answer = await fetch(location.origin + path, init).then(async response => ({ status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) })).catch(() => null);
    if (era.aborted) return;
    if (answer) this.#runner.answered(id, answer.status, answer.bytes);
    else this.#runner.lost(id);
  }

  cut(): void {
    this.closeSocket();
    this.#era.abort();
    this.#era = new AbortController();
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => { setTimeout(resolve, milliseconds); });
  }

  async keep(slot: string, key: Uint8Array, stay: boolean): Promise<void> {
    const sealed = await seal(key as Bytes);
    const kept: Slot = { slot, home: this.#around.home, sealed: stay ? sealed : null };
    await this.#around.cabinet?.setSlot(kept);
    this.#slot = kept;
    this.#around.hold(stay ? null : sealed);
  }

  async forget(all: boolean): Promise<void> {
    this.#around.hold(null);
    this.#slot = all || !this.#slot ? null : { ...this.#slot, sealed: null };
    await this.#around.cabinet?.setSlot(this.#slot);
  }

  logOpen(key: Uint8Array): Promise<Uint8Array[]> { return this.#logged().open(key as Bytes); }
  logAppend(batch: Uint8Array): Promise<void> { return this.#logged().append(batch as Bytes); }
  logReplace(batches: Uint8Array[]): Promise<void> { return this.#logged().replace(batches as Bytes[]); }
  logClear(): Promise<void> { return this.#logged().clear(); }

  #logged(): Log {
    if (!this.#log) throw new Error('this browser gives no database');
    return this.#log;
  }

  started(): void {
    this.#started = true;
    this.#ready.resolve();
  }
}
