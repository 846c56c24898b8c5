// What the screens look at: the core's state, the conversations, the messages of those that were opened.
import { tick } from 'svelte';
import type { AppState, Conversation, Core, Event, Id, Message } from '../core/types';
import { t } from '../i18n';
import { oneLine } from '../text/words';
import { recall, remember } from './local';
import { Pace } from './pace';
import { Thread } from './thread.svelte';

const KEPT_THREADS = 12;
const QUIET_MS = 2_000, BACK_MS = 4_000;

export class Desk {
  readonly core: Core;
  state = $state.raw<AppState>() as AppState;
  #all = $state.raw<ReadonlyMap<Id, Conversation>>(new Map());
  /** Have the conversations been read from the store? */
  loaded = $state(false);
  /** Newest first. */
  conversations = $derived([...this.#all.values()].sort(byActivity));
  /** Moves once in a while, for times like "5 min". */
  now = $state(Date.now());
  hidden = $state(document.hidden);
  /** Said once, politely, by screen readers. */
  spoken = $state('');
  /** What the connection line shows; null while there is nothing to tell. */
  line = $state<{ kind: 'offline' | 'connecting' | 'back'; text: string } | null>(null);
  /** The conversation on screen. */
  open: Id | null = null;

  #threads = new Map<Id, Thread>();
  #unspoken: Message[] = [];
  #speaking: ReturnType<typeof setTimeout> | undefined;
  #lineTimer: ReturnType<typeof setTimeout> | undefined;
  #offline: { waiting: number } | null = null;
  #asked = 0;
  #heard: (Event & { event: 'message' | 'conversation' })[] = [];
  /** A task of its own, unlike timers never slowed down in hidden tabs. */
  #later = new MessageChannel();
  #pace = new Pace();
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(core: Core) {
    this.core = core;
    this.state = core.state;
    this.#later.port1.onmessage = () => this.#flush();
    core.on(event => this.#hear(event));
    this.#follow(null);
    setInterval(() => { this.now = Date.now(); }, 20_000);
    document.addEventListener('visibilitychange', () => {
      this.hidden = document.hidden;
      if (!this.hidden) this.now = Date.now();
    });
  }

  /** Nobody has ever been signed in here, as far as this page remembers: show the log-in form before the core answers. */
  get newHere(): boolean { return recall('seen') === null; }

  conversation(id: Id): Conversation | undefined { return this.#all.get(id); }

  thread(id: Id): Thread {
    let thread = this.#threads.get(id);
    if (thread) this.#threads.delete(id);
    else thread = new Thread(this.core, id);
    this.#threads.set(id, thread); // most recent last
    for (const old of this.#threads.keys()) {
      if (this.#threads.size <= KEPT_THREADS) break;
      if (old !== this.open) this.#threads.delete(old);
    }
    return thread;
  }

  #utterance = 0;

  say(text: string): void {
    this.spoken = '';
    const mine = ++this.#utterance;
    queueMicrotask(() => { if (mine === this.#utterance) this.spoken = text; });
  }

  /** Messages come in bursts when one catches up: those that wait already are shown in one go. */
  #hear(event: Event): void {
    if (event.event === 'message' || event.event === 'conversation') {
      const first = this.#heard.push(event) === 1;
      if (written(event)) this.#next();
      else if (first) this.#soon();
      return;
    }
    // How many are unread changes with every message: that does not end their waiting.
    if (event.event !== 'state' || event.state.phase !== this.state.phase) this.#flush();
    switch (event.event) {
      case 'state': {
        const before = this.state;
        this.state = event.state;
        this.#follow(before);
        return;
      }
      case 'message-gone':
        this.#threads.get(event.conversation)?.drop(event.message);
        return;
      case 'reset':
        this.#forget();
        if (this.state.phase === 'open') void this.#load();
        return;
    }
  }

  #soon(): void {
    const wait = document.hidden ? 0 : this.#pace.wait(performance.now());
    if (wait > 0) this.#waiting = setTimeout(() => this.#flush(), wait);
    else this.#next();
  }

  #next(): void {
    this.#later.port2.postMessage(null);
  }

  #flush(): void {
    clearTimeout(this.#waiting);
    if (!this.#heard.length) return;
    const start = performance.now();
    // What one writes oneself does not come in bursts, and is shown whatever else comes.
    const came = this.#heard.filter(event => event.event === 'message' && !written(event)).length;
    void tick().then(() => this.#pace.shown(came, start, performance.now()));
    const messages = new Map<Id, Message[]>();
    const conversations = new Map<Id, Conversation>();
    for (const event of this.#heard) {
      if (event.event === 'conversation') conversations.set(event.conversation.id, event.conversation);
      else {
        const list = messages.get(event.message.conversation);
        if (list) list.push(event.message);
        else messages.set(event.message.conversation, [event.message]);
      }
    }
    this.#heard = [];
    for (const [id, list] of messages) {
      for (const message of this.#threads.get(id)?.put(list) ?? []) {
        if (id === this.open && !message.own && message.kind === 'text') this.#announce(message);
      }
      const failed = id === this.open ? list.findLast(m => m.own && m.state === 'failed') : undefined;
      if (failed) this.say(t('talk.announce', t('state.failed'), oneLine(failed.text)));
    }
    if (conversations.size) this.#all = new Map([...this.#all, ...conversations]);
  }

  #follow(before: AppState | null): void {
    const state = this.state;
    if (state.phase === 'open' && before?.phase !== 'open') void this.#load();
    if (state.phase !== 'open' && before?.phase === 'open') this.#forget();
    if (state.phase === 'open' || state.phase === 'locked') remember('seen', '1');
    if (state.phase === 'signed-out') for (const name of ['seen', 'last'] as const) remember(name, null);
    if (state.phase === 'open') remember('theme', state.theme === 'system' ? null : state.theme);
    this.#connection();
  }

  /** Quiet for two seconds; says what is waiting, and what left when the line came back. */
  #connection(): void {
    const { phase, connection, waiting } = this.state;
    if (phase !== 'open') {
      clearTimeout(this.#lineTimer);
      this.#lineTimer = undefined;
      this.line = this.#offline = null;
    } else if (connection === 'online') {
      clearTimeout(this.#lineTimer);
      this.#lineTimer = undefined;
      if (!this.#offline) return;
      const sent = Math.max(0, this.#offline.waiting - waiting);
      if (waiting > 0 && sent === 0 && this.#offline.waiting > 0) return; // still leaving
      this.#offline = null;
      this.line = { kind: 'back', text: sent ? t('conn.backSent', sent) : t('conn.back') };
      this.#lineTimer = setTimeout(() => { this.line = null; this.#lineTimer = undefined; }, BACK_MS);
    } else if (this.#offline) {
      this.#offline.waiting = Math.max(this.#offline.waiting, waiting);
      this.line = { kind: connection, text: connection === 'offline' ? (waiting ? t('conn.waiting', waiting) : t('conn.offline')) : t('conn.connecting') };
    } else if (this.#lineTimer === undefined || this.line?.kind === 'back') {
      clearTimeout(this.#lineTimer);
      if (this.line?.kind === 'back') this.line = null;
      this.#lineTimer = setTimeout(() => {
        this.#lineTimer = undefined;
        this.#offline = { waiting: this.state.waiting };
        this.#connection();
      }, QUIET_MS);
    }
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    const heard = this.#all;
    try {
      const list = await this.core.run('conversations', {});
      if (asked !== this.#asked) return;
      const next = new Map(list.map(c => [c.id, c]));
      for (const [id, c] of this.#all) if (heard.get(id) !== c) next.set(id, c); // told while we asked: newer than the answer
      this.#all = next;
      this.loaded = true;
    } catch {
      if (asked === this.#asked && this.state.phase === 'open') setTimeout(() => { if (asked === this.#asked) void this.#load(); }, 500);
    }
  }

  #forget(): void {
    this.#asked++;
    this.#heard = [];
    this.#all = new Map();
    this.#threads.clear();
    this.loaded = false;
    // What was just read aloud is a message too: a closed page must not hold it.
    clearTimeout(this.#speaking);
    this.#speaking = undefined;
    this.#unspoken = [];
    this.#utterance++;
    this.spoken = '';
  }

  #announce(message: Message): void {
    this.#unspoken.push(message);
    this.#speaking ??= setTimeout(() => {
      const [first] = this.#unspoken;
      if (first) this.say(this.#unspoken.length === 1 ? t('talk.announce', first.author.name, oneLine(first.text)) : t('talk.announceMany', this.#unspoken.length));
      this.#unspoken = [];
      this.#speaking = undefined;
    }, 400);
  }
}

/** A person who pressed Enter waits for it to be on the screen. */
const written = (event: Event) => event.event === 'message' && event.message.own && event.message.state === 'sending';

/** A chat just started stands first until something is written; notes without a line stand last. */
function byActivity(a: Conversation, b: Conversation): number {
  const at = (c: Conversation) => c.last?.at ?? (c.kind === 'self' ? -Infinity : Infinity);
  const [x, y] = [at(a), at(b)];
  return x === y ? 0 : y > x ? 1 : -1;
}
