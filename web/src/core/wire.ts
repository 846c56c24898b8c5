// What tabs and workers say to each other. One tagged union each way; every receiver switches over all of it.
import type { AppState, Command, Commands, Event, Failure } from './types';

/** The key of the local store, under a key that no script can read. */
export interface Sealed { key: CryptoKey; iv: Uint8Array<ArrayBuffer>; bytes: ArrayBuffer }

/** How a command ended. */
export type Result = { fine: true; value: unknown } | { fine: false; failure: Failure };

/** A command with its arguments. */
export type Asked = { [C in Command]: { command: C; args: Commands[C]['in'] } }[Command];

/** To whoever leads. */
export type ToLeader =
  | { t: 'hello'; from: string } // who leads, and how do things stand?
  | { t: 'run'; from: string; id: number; asked: Asked }
  | { t: 'wake' } // the line may be back
  | { t: 'ask-key'; from: string }; // a worker that may lead next wants the key of a store that does not stay open

/** From whoever leads; `by` is its worker, `epoch` grows with each new leader: what comes from an older one is dropped. */
export type FromLeader =
  | { t: 'leads'; epoch: number; by: string; state: AppState }
  | { t: 'opening'; epoch: number; by: string; paused: boolean } // it has the lock and waits for the files
  | { t: 'answer'; epoch: number; by: string; to: string; id: number; result: Result }
  | { t: 'events'; epoch: number; by: string; events: Event[] }
  | { t: 'busy'; epoch: number; by: string; busy: boolean } // it computes for seconds: that is no sign of sleep
  | { t: 'key'; epoch: number; by: string; sealed: Sealed | null };

/** What goes over the channel between tabs. */
export type Wire = ToLeader | FromLeader;

/** A page to its own worker. */
export type ToWorker =
  | ToLeader
  | { t: 'tab'; tab: string } // which one it is, before anything else
  | { t: 'waiting'; waiting: boolean } // for an answer of another tab
  | { t: 'visible'; visible: boolean };

/** A worker to its own page. */
export type FromWorker =
  | FromLeader
  | { t: 'up'; worker: string }
  | { t: 'paused'; paused: boolean } // whoever leads says nothing
  | { t: 'refused'; why: 'refused' | 'no-chance' }; // the core is not the one of this release, or finds no randomness
