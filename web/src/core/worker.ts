// The worker of one tab: compiles the core while it queues for the lock, then leads for as long as it holds it.
import init from './generated/pkg/core.js';
import { CORE } from 'virtual:release';
import { Cabinet } from './cabinet';
import { gatherWrites, type AccessHandle } from './files';
import { Leader, type Origin, type Said, type Surroundings } from './leader';
import { alive, LEAD, NAME } from './names';
import type { AppState } from './types';
import { Watch } from './watch';
import type { FromLeader, FromWorker, Sealed, ToWorker, Wire } from './wire';

/** What a page's types do not know of a worker. */
interface Scope extends EventTarget {
  postMessage(message: FromWorker): void;
  close(): void;
}
type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<AccessHandle> };
declare const FileSystemSyncAccessHandle: { prototype: AccessHandle } | undefined;

const scope = self as unknown as Scope;
const me = crypto.randomUUID();
const channel = new BroadcastChannel(NAME);

/** How long to wait for another tab that knows the key. */
const KEY_WAIT = 250;
/** When a leader that waits for the files tells so. */
const PAUSED = 3_000;

// A trap in the core does not end a worker, nor does it free the lock: nothing of it can be trusted any more.
for (const kind of ['error', 'unhandledrejection']) scope.addEventListener(kind, () => scope.close());

if (typeof FileSystemSyncAccessHandle !== 'undefined') gatherWrites(FileSystemSyncAccessHandle.prototype);

const compiled = compile();
let leader: Leader | null = null;
/** The highest that was heard of. */
let epoch = 0;
/** Of this worker's own term. */
let term = 0;
let held: Sealed | null = null;
let heldBy: (() => void) | null = null;
let paused = false;
let stealing = false;
let waited = false;
let turn = new AbortController();
/** The own page's name, and the names of all that were heard on the channel. */
let tab = '';
const heardOf = new Set<string>();

const watch = new Watch({
  ask: () => post({ t: 'hello', from: me }),
  knock: () => navigator.locks.request(LEAD, { ifAvailable: true }, () => {}),
  steal: () => { stealing = true; turn.abort(); },
  paused: now => scope.postMessage({ t: 'paused', paused: now }),
  now: () => performance.now(),
});

scope.addEventListener('message', event => {
  const message = (event as MessageEvent<ToWorker>).data;
  switch (message.t) {
    case 'waiting':
      waited = message.waiting;
      if (waited && !leader) watch.start();
      else watch.stop();
      return;
    case 'visible':
      watch.visible = message.visible;
      return;
    case 'tab':
      tab = message.tab;
      return;
    default:
      asked(message, true);
  }
});

channel.addEventListener('message', ({ data }: MessageEvent<Wire>) => {
  if ('by' in data) return heard(data);
  if ('from' in data) heardOf.add(data.from);
  asked(data, false);
});

void navigator.locks.request(alive(me), () => {
  scope.postMessage({ t: 'up', worker: me });
  return new Promise(() => {});
});
post({ t: 'ask-key', from: me });
void campaign();

/** Queues for the lock, leads while it is held, and queues again when it was taken away. */
async function campaign(): Promise<never> {
  for (;;) {
    turn = new AbortController();
    const options: LockOptions = stealing ? { steal: true } : { signal: turn.signal };
    stealing = false;
    // Rejected when the turn was given up to steal, and when somebody else stole.
    await navigator.locks.request(LEAD, options, () => lead().catch(() => { scope.close(); })).catch(() => {});
    stepDown();
  }
}

/** Never resolves: the lock is held until it is stolen or the worker ends. */
async function lead(): Promise<never> {
  const mine = turn;
  stealing = false;
  const [module, cabinet] = await Promise.all([compiled, Cabinet.open().catch(() => null)]);
  const next = await cabinet?.nextEpoch().catch(() => null) ?? Date.now();
  await init({ module_or_path: module });
  const slot = await cabinet?.slot().catch(() => undefined);
  if (slot && !slot.sealed && !held) await askForKey();
  const home = cabinet ? slot?.home ?? (await hasFiles() ? 'disk' : 'sealed-log') : 'memory';
  if (mine === turn) {
    term = epoch = Math.max(next, epoch + 1);
    watch.stop();
    leader = employ({ cabinet, home, held, say, hold });
    const slow = setTimeout(() => { if (mine === turn) setOpening(true); }, PAUSED);
    await leader.start();
    clearTimeout(slow);
    paused = false;
    if (mine === turn) announce();
  }
  return new Promise(() => {});
}

/** The core looks at the browser's random generator before anything else, and does without none. */
function employ(around: Surroundings): Leader {
  try {
    return new Leader(around);
  } catch (error) {
    scope.postMessage({ t: 'refused', why: 'no-chance' });
    throw error;
  }
}

function stepDown(): void {
  turn = new AbortController();
  leader?.close();
  leader = null;
  paused = false;
  if (waited) watch.start();
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    // By hash: the browser refuses any other file. Absolute, for a worker made of a blob has no address of its own.
    return await WebAssembly.compileStreaming(await fetch(location.origin + CORE.url, { integrity: CORE.integrity }));
  } catch (error) {
    scope.postMessage({ t: 'refused', why: 'refused' });
    throw error;
  }
}

/** Somebody wants something of whoever leads. */
function asked(message: Exclude<Wire, FromLeader>, own: boolean): void {
  switch (message.t) {
    case 'hello':
      if (leader) announce();
      return;
    case 'run':
      leader?.run({ tab: message.from, own, id: message.id }, message.asked);
      return;
    case 'wake':
      leader?.online();
      return;
    case 'ask-key':
      // Whoever knows it answers: the one who led may be gone.
      if (held) channel.postMessage({ t: 'key', epoch, by: me, sealed: held } satisfies Wire);
      return;
    default:
      message satisfies never;
  }
}

/** Another worker leads and says something. */
function heard(message: FromLeader): void {
  if (message.t === 'key') {
    // An old leader's word counts for nothing, except when it is asked for.
    if (message.epoch < epoch && !heldBy) return;
    held = message.sealed;
    heldBy?.();
    return;
  }
  if (message.epoch < epoch) return;
  epoch = message.epoch;
  watch.heard(message.t === 'busy' ? message.busy : undefined);
}

function announce(): void {
  const state: AppState | null = leader?.state ?? null;
  if (state) say({ t: 'leads', state });
  else setOpening(paused);
}

function setOpening(now: boolean): void {
  paused = now;
  say({ t: 'opening', paused });
}

/**
 * To every tab and the own page; an answer only to where it is waited for. Events go over the channel only when there is somebody: each
 * message there costs as much as sealing one. Who comes later says so, is told how things stand, and asks for the rest.
 */
function say(message: Said, only?: Origin): void {
  const whole = { ...message, epoch: term, by: me } as FromLeader;
  if (!only || only.own) scope.postMessage(whole);
  const wanted = message.t !== 'events' || [...heardOf].some(name => name !== tab);
  if (only ? !only.own : wanted) channel.postMessage(whole);
}

function post(message: Wire): void {
  channel.postMessage(message);
}

function hold(sealed: Sealed | null): void {
  held = sealed;
  channel.postMessage({ t: 'key', epoch: term, by: me, sealed } satisfies Wire);
}

/** Asks the other tabs for the key of a store that does not stay open; there is nobody to ask when nobody waits for the lock. */
async function askForKey(): Promise<void> {
  const { pending } = await navigator.locks.query();
  if (!pending?.some(lock => lock.name === LEAD)) return;
  await new Promise<void>(resolve => {
    heldBy = resolve;
    setTimeout(resolve, KEY_WAIT);
    post({ t: 'ask-key', from: me });
  });
  heldBy = null;
}

/** Does this browser give a worker files of its own? (Firefox's private windows and WebKitGTK do not.) */
async function hasFiles(): Promise<boolean> {
  const name = `sotto-probe-${me}`;
  try {
    const root = await navigator.storage.getDirectory();
    const file = await root.getFileHandle(name, { create: true }) as FileHandle;
    (await file.createSyncAccessHandle()).close();
    await root.removeEntry(name);
    return true;
  } catch {
    return false;
  }
}
