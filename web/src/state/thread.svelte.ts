// The messages of one conversation that this page holds: a run without gaps up to the newest.
import type { Core, Id, Message } from '../core/types';

const PAGE = 60;
/** How far back an address is looked for, and in what steps. */
const SEARCH_PAGE = 500, SEARCH_PAGES = 40;

export class Thread {
  readonly id: Id;
  /** Ascending by order. Replaced, never changed in place. */
  items = $state.raw<readonly Message[]>([]);
  /** Are there older ones in the store? */
  more = $state(true);
  ready = $state(false);
  /** Order of the first message that was new when the chat was opened; the line stays until it is left. */
  newFrom = $state<number | null>(null);
  /** Order of the last message that was new then: those that arrive under one's eyes don't count. */
  newTo = $state(Infinity);
  /** Where one was reading when the chat was left: a message and its distance from the top, or null for the end. */
  place: { id: Id; top: number } | null = null;

  #core: Core;
  /** Of all that is held. */
  #ids = new Set<Id>();
  #loading: Promise<void> | null = null;

  constructor(core: Core, id: Id) {
    this.#core = core;
    this.id = id;
  }

  /** Loads the newest page and as many before it as hold unread messages (a few at most). */
  async open(read: number, unread: number): Promise<void> {
    if (!this.ready) {
      await this.older();
      for (let pages = 0; pages < 5 && unread > 0 && this.more && (this.items[0]?.order ?? 0) > read; pages++) await this.older();
      this.ready = true;
    }
    this.newTo = this.items.at(-1)?.order ?? 0;
    if (unread > 0) this.newFrom = this.items.find(m => !m.own && m.order > read)?.order ?? null;
  }

  older(limit = PAGE): Promise<void> {
    if (!this.more) return Promise.resolve();
    this.#loading ??= this.#fetch(limit).finally(() => { this.#loading = null; });
    return this.#loading;
  }

  /** Loads back to a message; its place, or -1 when it is not here. */
  async find(id: Id): Promise<number> {
    for (let page = 0; ; page++) {
      const at = this.items.findIndex(m => m.id === id);
      if (at >= 0 || !this.more || page === SEARCH_PAGES) return at;
      await this.older(SEARCH_PAGE);
    }
  }

  async #fetch(limit: number): Promise<void> {
    const page = await this.#core.run('messages', { conversation: this.id, before: this.items[0]?.order ?? null, limit });
    this.#hold(sorted([...page.messages.filter(m => !this.#ids.has(m.id)), ...this.items]));
    this.more = page.more && page.messages.length > 0;
  }

  /** Takes in what changed or came; answers what is new here. What is older than all we hold waits for its page. */
  put(messages: readonly Message[]): Message[] {
    // While one catches up, all that comes is new and behind what is here: nothing has to be looked through.
    let newest = this.items.at(-1)?.order ?? -Infinity;
    const behind = (m: Message) => {
      const next = m.order > newest && !this.#ids.has(m.id);
      newest = m.order;
      return next;
    };
    if (messages.every(behind) && new Set(messages.map(m => m.id)).size === messages.length) {
      for (const message of messages) this.#ids.add(message.id);
      this.items = [...this.items, ...messages];
      return [...messages];
    }
    const first = this.items[0];
    const held = new Map(this.items.map(m => [m.id, m]));
    const fresh: Message[] = [];
    for (const message of messages) {
      const known = held.has(message.id);
      if (!known && this.more && first && message.order < first.order) continue;
      if (!known) fresh.push(message);
      held.set(message.id, message);
    }
    this.#hold(sorted([...held.values()]));
    return fresh;
  }

  drop(id: Id): void {
    this.#hold(this.items.filter(m => m.id !== id));
  }

  #hold(items: Message[]): void {
    this.items = items;
    this.#ids = new Set(items.map(m => m.id));
  }
}

const sorted = (messages: Message[]) => messages.sort((a, b) => a.order - b.order);
