// What a page and the core say to each other: views, commands, events. The only vocabulary of the screens.
// The same shapes stand in client-core/src/view.rs and client-core/src/command.rs; a test compares them.

/** 32 hex characters: an account, device, conversation or message id. */
export type Id = string;
/** Milliseconds since 1970, UTC. */
export type Millis = number;

export interface Person {
  id: Id;
  /** The handle as its owner typed it. */
  name: string;
  /** 0–9, from the account id. */
  hue: number;
}

export type Phase =
  | 'starting' // the core has not answered yet
  | 'signed-out'
  | 'locked' // this browser holds a closed store; the password opens it
  | 'open';

export interface AppState {
  phase: Phase;
  /** Who is signed in here; also known while locked. */
  me: Person | null;
  device: Id | null;
  /** 'ended': the server session is over and could not be renewed; ask for the password in place, keep everything. */
  session: 'live' | 'ended';
  connection: 'connecting' | 'online' | 'offline';
  /** Messages that wait for the line, in all conversations. */
  waiting: number;
  /** Where this tab's data lives. 'memory': gone when the window closes. */
  store: 'disk' | 'sealed-log' | 'memory';
  /** Another tab holds the store and does not answer (paused by the browser). */
  paused: boolean;
  /** Set after registering or recovering until `kit-saved`. */
  kit: Kit | null;
  unread: number;
  stay: boolean;
  theme: 'system' | 'light' | 'dark';
}

export interface Kit {
  /** Eight groups of four Crockford characters, separated by spaces. */
  code: string;
  name: string;
  /** What the QR holds. */
  qr: string;
}

export type Trust = 'proven' | 'first-use' | 'pending' | 'changed';

export interface Conversation {
  id: Id;
  kind: 'direct' | 'self';
  /** The other person; oneself in the note to self. */
  with: Person;
  /** 'starting': the other side's keys are being fetched; writing is possible. */
  state: 'starting' | 'ready';
  last: { text: string; at: Millis; own: boolean; state: MessageState } | null;
  unread: number;
  /** Order of the last message the person has read; 0 = none. */
  read: number;
  draft: string;
  trust: Trust;
  verified: boolean;
  /** Messages held back until a changed safety number is accepted. */
  held: number;
}

export type MessageState = 'sending' | 'stored' | 'delivered' | 'read' | 'failed';

export interface Message {
  id: Id;
  conversation: Id;
  /** Ascending display position, unique in the conversation: the server's number times 1,000 for stored rows, above them for waiting ones. */
  order: number;
  author: Person;
  own: boolean;
  /** 'text', a line of Sotto itself, or a kind this version does not know. */
  kind: 'text' | 'system' | 'newer';
  text: string;
  /** For kind 'system': which line, see i18n `system.*`. */
  system: SystemLine | null;
  /** When the server stored it, else when it was written here. */
  at: Millis;
  state: MessageState;
}

export type SystemLine =
  | { line: 'started' }
  | { line: 'joined-late' } // this browser sees what comes from now on
  | { line: 'device-added'; name: string }
  | { line: 'device-removed'; name: string }
  | { line: 'key-changed'; name: string }
  | { line: 'reset'; name: string }
  | { line: 'hole'; count: number }
  | { line: 'disturbed'; name: string } // somebody's browser made a change nobody can follow
  | { line: 'statements-differ'; name: string } // different people are shown different browsers of somebody
  | { line: 'unfollowed'; name: string } // somebody's browser came back in by a change that can't be followed
  | { line: 'altered' } // the server changed what somebody's browser signed
  | { line: 'renewed'; name: string }; // the conversation goes on in its next generation

export interface Device {
  id: Id;
  own: boolean; // this browser
  added: Millis | null;
}

export interface SafetyNumber {
  with: Person;
  /** Twelve groups of five digits. */
  digits: string[];
  qr: string;
  verified: boolean;
  trust: Trust;
}

/** What went wrong, as the core or the server said it; texts come from i18n by code. */
export interface Failure {
  code: string;
  field?: 'username' | 'password' | 'kit' | 'text';
  /** The server's plain sentence, the fallback when i18n does not know the code. */
  message?: string;
  retryAfterMs?: number;
}

/** A command and what its promise resolves to. Commands are idempotent by `id`; the client makes the ids. */
export interface Commands {
  register: { in: { username: string; password: string; stay: boolean }; out: null };
  login: { in: { username: string; password: string; stay: boolean }; out: null };
  /** Also the answer to session 'ended'. */
  unlock: { in: { password: string }; out: null };
  recover: { in: { username: string; kit: string; password: string; stay: boolean }; out: null };
  lock: { in: Record<string, never>; out: null };
  logout: { in: { wipe: boolean }; out: null };
  'kit-saved': { in: Record<string, never>; out: null };
  /** Resolves to the conversation's id at once when it exists, else when the person was found. */
  'start-chat': { in: { username: string }; out: { conversation: Id } };
  /** Resolves when it is durable on this machine. */
  send: { in: { conversation: Id; message: Id; text: string }; out: null };
  'discard-message': { in: { conversation: Id; message: Id }; out: null };
  'retry-message': { in: { conversation: Id; message: Id }; out: null };
  draft: { in: { conversation: Id; text: string }; out: null };
  read: { in: { conversation: Id; order: number }; out: null };
  conversations: { in: Record<string, never>; out: Conversation[] };
  /** Newest first when `before` is null; always returned in ascending order. */
  messages: { in: { conversation: Id; before: number | null; limit: number }; out: { messages: Message[]; more: boolean } };
  'safety-number': { in: { conversation: Id }; out: SafetyNumber };
  verify: { in: { conversation: Id; verified: boolean }; out: null };
  /** "Use the new safety number": lets held messages go. */
  'accept-change': { in: { conversation: Id }; out: null };
  devices: { in: Record<string, never>; out: Device[] };
  theme: { in: { theme: 'system' | 'light' | 'dark' }; out: null };
}
export type Command = keyof Commands;

/** What the core tells every tab, in order. */
export type Event =
  | { event: 'state'; state: AppState }
  | { event: 'conversation'; conversation: Conversation }
  | { event: 'message'; message: Message }
  | { event: 'message-gone'; conversation: Id; message: Id }
  | { event: 'reset' }; // the store was closed, wiped or replaced: forget all views and ask again

/** What a screen holds. `core()` in client.ts makes the real one; tests and the look page make their own. */
export interface Core {
  readonly state: AppState;
  on(listener: (event: Event) => void): () => void;
  run<C extends Command>(command: C, args: Commands[C]['in']): Promise<Commands[C]['out']>; // rejects with Failure
}
