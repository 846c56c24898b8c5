// The browser's own small database of this slot: whose store there is, its sealed key, the epoch of leaders, the log.
import { NAME } from './names';
import type { AppState } from './types';
import type { Sealed } from './wire';

/** Whose store lies here, and how it opens. Its presence means that there is a store. */
export interface Slot {
  /** What the core calls it: JSON. */
  slot: string;
  home: AppState['store'];
  /** For who stays signed in. */
  sealed: Sealed | null;
}

export interface Entry { iv: Uint8Array<ArrayBuffer>; bytes: ArrayBuffer }

type Table = 'one' | 'log';

export class Cabinet {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
    database.addEventListener('versionchange', () => database.close());
  }

  static async open(): Promise<Cabinet> {
    const request = indexedDB.open(NAME, 1);
    request.addEventListener('upgradeneeded', () => {
      request.result.createObjectStore('one' satisfies Table);
      request.result.createObjectStore('log' satisfies Table);
    });
    return new Cabinet(await done(request));
  }

  /** The number of this term: higher than any before. */
  async nextEpoch(): Promise<number> {
    const change = this.#change('one');
    const table = change.objectStore('one');
    const epoch = (await done<number | undefined>(table.get('epoch')) ?? 0) + 1;
    table.put(epoch, 'epoch');
    await committed(change);
    return epoch;
  }

  slot(): Promise<Slot | undefined> {
    return done<Slot | undefined>(this.#database.transaction('one').objectStore('one').get('slot'));
  }

  async setSlot(slot: Slot | null): Promise<void> {
    const change = this.#change('one');
    if (slot) change.objectStore('one').put(slot, 'slot');
    else change.objectStore('one').delete('slot');
    await committed(change);
  }

  /** The log's name, and its entries by number from 1. */
  async log(): Promise<{ name: string | undefined; entries: Entry[] }> {
    const look = this.#database.transaction(['one', 'log']);
    const name = done<string | undefined>(look.objectStore('one').get('log'));
    const [numbers, entries] = await Promise.all([
      done(look.objectStore('log').getAllKeys()),
      done<Entry[]>(look.objectStore('log').getAll()),
    ]);
    if (numbers.some((number, place) => number !== place + 1)) throw new Error('the log has a gap');
    return { name: await name, entries };
  }

  async addToLog(number: number, entry: Entry): Promise<void> {
    const change = this.#change('log');
    change.objectStore('log').add(entry, number);
    await committed(change);
  }

  async replaceLog(name: string | null, entries: Entry[]): Promise<void> {
    const change = this.#change('one', 'log');
    if (name === null) change.objectStore('one').delete('log');
    else change.objectStore('one').put(name, 'log');
    const log = change.objectStore('log');
    log.clear();
    entries.forEach((entry, place) => log.add(entry, place + 1));
    await committed(change);
  }

  /** Durable when it is done, not merely handed over. */
  #change(...tables: Table[]): IDBTransaction {
    return this.#database.transaction(tables, 'readwrite', { durability: 'strict' });
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('the database failed')));
  });
}

function committed(change: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    change.addEventListener('complete', () => resolve());
    const failed = () => reject(change.error ?? new Error('the transaction failed'));
    change.addEventListener('abort', failed);
    change.addEventListener('error', failed);
  });
}
