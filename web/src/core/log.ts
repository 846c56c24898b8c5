// The store where a browser gives no files (Firefox's private windows): every batch sealed and added to a log in the
// browser's database, and all of them replayed at the start. The number of an entry is under its seal, so none can be
// moved, doubled or left out in the middle.
import type { Cabinet, Entry } from './cabinet';

type Bytes = Uint8Array<ArrayBuffer>;

export class Log {
  readonly #cabinet: Cabinet;
  #key: CryptoKey | null = null;
  #name = '';
  #length = 0;

  constructor(cabinet: Cabinet) {
    this.#cabinet = cabinet;
  }

  /** Every batch in order. Refuses a log that another key sealed. */
  async open(raw: Bytes): Promise<Bytes[]> {
    this.#key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
    raw.fill(0);
    const { name, entries } = await this.#cabinet.log();
    this.#name = name ?? '';
    this.#length = entries.length;
    const key = this.#key, label = this.#name;
    return Promise.all(entries.map(async ({ iv, bytes }, place) =>
      new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: placeOf(label, place + 1) }, key, bytes))));
  }

  async append(batch: Bytes): Promise<void> {
    const number = this.#length + 1;
    await this.#cabinet.addToLog(number, await this.#seal(this.#name, number, batch));
    this.#length = number;
  }

  /** A new log under a new name, so that no entry of an old one fits into it. */
  async replace(batches: Bytes[]): Promise<void> {
    const name = crypto.randomUUID();
    const entries = await Promise.all(batches.map((batch, place) => this.#seal(name, place + 1, batch)));
    await this.#cabinet.replaceLog(name, entries);
    this.#name = name;
    this.#length = entries.length;
  }

  async clear(): Promise<void> {
    this.#key = null;
    await this.#cabinet.replaceLog(null, []);
  }

  async #seal(name: string, number: number, batch: Bytes): Promise<Entry> {
    if (!this.#key) throw new Error('the log is closed');
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const bytes = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: placeOf(name, number) }, this.#key, batch);
    return { iv, bytes };
  }
}

const placeOf = (name: string, number: number) => new TextEncoder().encode(`${name} ${number}`);
