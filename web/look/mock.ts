// A core with canned data and a little behaviour, for pictures and for the cases of e2e/screens.
import type { AppState, Command, Commands, Conversation, Core, Event, Failure, Id, Message, MessageState, Person, SystemLine } from '../src/core/types';

const hex = (n: number) => n.toString(16).padStart(32, '0');
const NOW = Date.now();
const MIN = 60_000, HOUR = 60 * MIN, DAY = 24 * HOUR;
const today = (h: number, m: number, daysAgo = 0) => {
  const d = new Date(NOW);
  d.setHours(h, m, 0, 0);
  return d.getTime() - daysAgo * DAY;
};

const me: Person = { id: hex(1), name: 'nora', hue: 8 };
const person = (n: number, name: string, hue: number): Person => ({ id: hex(n), name, hue });
const bob = person(2, 'bob.varga', 1), ines = person(3, 'ines.moreau', 4), tomas = person(4, 'tomas_oliveira', 7), dana = person(5, 'dana.cohen', 0), leyla = person(6, 'leyla-haddad', 5), yuki = person(7, 'yuki.tan', 9), max = person(8, 'maximiliane.von.hohenstein', 2);

export function mockCore(scene: string): Core {
  const listeners = new Set<(event: Event) => void>();
  const tell = (event: Event) => queueMicrotask(() => listeners.forEach(l => l(event)));
  const state: AppState = {
    phase: 'open', me, device: hex(99), session: 'live', connection: 'online', waiting: 0, store: 'disk', paused: false, kit: null, unread: 3, stay: true, theme: 'system',
  };
  const conversations = new Map<Id, Conversation>();
  const messages = new Map<Id, Message[]>();
  let nextId = 1000;

  const conversation = (id: number, other: Person, more: Partial<Conversation> = {}): Conversation => {
    const c: Conversation = { id: hex(id), kind: 'direct', with: other, state: 'ready', last: null, unread: 0, read: 1e12, draft: '', trust: 'first-use', verified: false, held: 0, ...more };
    conversations.set(c.id, c);
    messages.set(c.id, []);
    return c;
  };
  const write = (c: Conversation, author: Person, at: number, text: string, state: MessageState = 'read', system: SystemLine | null = null): Message => {
    const list = messages.get(c.id) as Message[];
    const message: Message = { id: hex(nextId++), conversation: c.id, order: (list.length + 1) * 1000, author, own: author === me, kind: system ? 'system' : 'text', text, system, at, state };
    list.push(message);
    if (!system) conversations.set(c.id, Object.assign(c, { last: { text, at, own: message.own, state } }));
    return message;
  };

  const self = conversation(10, me, { kind: 'self' });
  if (scene !== 'empty') {
    write(self, me, today(18, 0, 4), 'Page 14: breathe before the turn', 'stored');
    const b = conversation(11, bob);
    const say = (own: boolean, h: number, m: number, ago: number, text: string, s: MessageState = 'read') => write(b, own ? me : bob, today(h, m, ago), text, s);
    write(b, bob, today(18, 0, 3), '', 'read', { line: 'started' });
    if (scene === 'long') for (let i = 0; i < 5000; i++) write(b, i % 7 < 4 ? bob : me, today(0, 0, 60) + i * 11 * MIN, `Line ${i} of a long chat. ${'la '.repeat(i % 40)}`);
    say(false, 18, 2, 3, 'Evening! Did the hall write back about Saturday?');
    say(true, 18, 5, 3, 'They did. We can have it from four until nine.');
    say(true, 18, 5, 3, 'Only by the small door, the big one is being painted.');
    say(false, 18, 7, 3, 'Four is good. Then there is time to move the piano before the others come.');
    write(b, bob, today(18, 9, 3), '', 'read', { line: 'device-added', name: 'bob.varga' });
    say(false, 9, 14, 1, 'Please look at the order. I am not sure about the middle.');
    say(true, 9, 31, 1, 'Lovely. I would swap the third and the fourth piece, the altos need the rest.');
    say(false, 9, 33, 1, 'Good idea.');
    say(false, 9, 33, 1, 'And the tuner has a free hour tomorrow: https://tuner.example/book, or write to mailto:tuner@tuner.example');
    say(true, 9, 40, 1, 'Booked. Friday at ten.');
    say(true, 21, 12, 1, 'I walked through the hall this evening, in my head. If the sopranos stand on the left of the piano, the door stays free and nobody has to climb over the cables. '.repeat(9));
    write(b, bob, today(0, 10), '', 'read', { line: 'key-changed', name: 'bob.varga' });
    say(false, 0, 11, 0, 'I lost my laptop bag, so this is a new browser. All fine otherwise.');
    say(true, 0, 12, 0, 'I take the tea.');
    say(true, 0, 12, 0, 'My brother does the door.');
    say(false, 0, 14, 0, 'You are a treasure.');
    say(true, 0, 20, 0, 'Shall I bring the folding table as well?', 'failed');
    const last = say(true, 0, 31, 0, 'Never mind, it fits in the car anyway.');
    say(false, 0, 40, 0, 'Are you near the hall?');
    say(false, 0, 41, 0, 'He says the lower strings have dropped a quarter tone. Could you bring the big heater from the office, the one with the grey cable?');
    say(false, 0, 42, 0, 'The tuner is early, he is already here');
    b.unread = 3;
    b.read = last.order;
    say(true, 0, 44, 0, 'Ten minutes.', 'delivered');
    say(true, 0, 44, 0, 'I have the heater. The cable is blue, I hope that is the one.', 'stored');
    say(true, 0, 45, 0, 'Let him start with the low end 🎹', 'sending');
    const i = conversation(12, ines, { unread: 2, read: 0 });
    write(i, ines, NOW - 7 * MIN, 'Hello nora');
    write(i, ines, NOW - 5 * MIN, 'Two tickets left, shall I keep them?');
    write(conversation(13, leyla, { verified: true, trust: 'proven' }), leyla, NOW - 26 * HOUR, 'شكراً، أراك مساء الجمعة');
    write(conversation(14, tomas, { draft: 'I thought about what you said and' }), tomas, NOW - 27 * HOUR, 'So?');
    write(conversation(15, dana), me, NOW - 28 * HOUR, 'I can drive you home after the concert', 'failed');
    write(conversation(16, yuki, { trust: 'changed' }), yuki, NOW - 3 * DAY, 'See you there');
    write(conversation(17, max), max, NOW - 12 * DAY, 'The list of the Friday guests is complete now, all sixty-two of them');
    if (scene === 'held') Object.assign(b, { trust: 'changed', verified: true, held: 2 });
    if (scene === 'compared') Object.assign(b, { trust: 'proven', verified: true });
  } else Object.assign(state, { unread: 0 });

  if (scene === 'login' || scene === 'starting') Object.assign(state, { phase: scene === 'login' ? 'signed-out' : 'starting', me: null, unread: 0 });
  if (scene === 'locked') state.phase = 'locked';
  if (scene === 'kit') state.kit = { code: '7K2M Q9XD 04TB HW6R ZC3N P8VJ 1FEG 5SAY', name: 'nora', qr: 'sotto-kit:1:nora:7K2MQ9XD04TBHW6RZC3NP8VJ1FEG5SAY' };
  if (scene === 'offline') Object.assign(state, { connection: 'offline', waiting: 1 });
  if (scene === 'ended') state.session = 'ended';
  if (scene === 'memory') state.store = 'memory';
  if (scene === 'paused') state.paused = true;

  const change = (more: Partial<AppState>) => { Object.assign(state, more); tell({ event: 'state', state: { ...state } }); };
  const touch = (id: Id, more: Partial<Conversation>) => {
    const c = { ...(conversations.get(id) as Conversation), ...more };
    conversations.set(id, c);
    tell({ event: 'conversation', conversation: c });
  };
  const refuse = (failure: Failure) => Promise.reject(failure);
  const wait = (ms: number) => new Promise<void>(r => setTimeout(r, ms));
  const sign = async (username: string, password: string) => {
    await wait(300);
    if (password === 'wrong') return refuse({ code: 'invalid_credentials', message: 'invalid credentials' });
    if (username === 'taken') return refuse({ code: 'username_taken', field: 'username', message: 'Username already taken' });
    change({ phase: 'open', me: { ...me, name: username }, session: 'live' });
    return null;
  };
  const put = (message: Message) => {
    const list = messages.get(message.conversation) as Message[];
    const at = list.findLastIndex(m => m.id === message.id || m.order < message.order - 50_000);
    if (list[at]?.id === message.id) list[at] = message; else list.push(message);
    tell({ event: 'message', message });
    touch(message.conversation, { last: { text: message.text, at: message.at, own: message.own, state: message.state } });
  };

  const commands: { [C in Command]: (args: Commands[C]['in']) => Promise<Commands[C]['out']> } = {
    register: async a => { const r = await sign(a.username, a.password); change({ kit: { code: '7K2M Q9XD 04TB HW6R ZC3N P8VJ 1FEG 5SAY', name: a.username, qr: `sotto-kit:1:${a.username}:7K2MQ9XD04TBHW6RZC3NP8VJ1FEG5SAY` } }); return r; },
    login: a => sign(a.username, a.password),
    unlock: a => sign(me.name, a.password),
    recover: a => sign(a.username, a.password),
    lock: async () => { change({ phase: 'locked' }); return null; },
    logout: async () => { change({ phase: 'signed-out', me: null }); tell({ event: 'reset' }); return null; },
    'kit-saved': async () => { change({ kit: null }); return null; },
    'start-chat': async a => {
      await wait(300);
      const known = [...conversations.values()].find(c => c.with.name === a.username);
      if (known) return { conversation: known.id };
      if (a.username === 'nobody') return refuse({ code: 'nobody_found', field: 'username' });
      const c = conversation(nextId++, person(nextId, a.username, nextId % 10), { state: 'starting' });
      touch(c.id, {});
      return { conversation: c.id };
    },
    send: async a => {
      if (a.text === 'fast') return refuse({ code: 'rate_limited', retryAfterMs: 12_000 });
      const order = ((messages.get(a.conversation) as Message[]).at(-1)?.order ?? 0) + 1000;
      const message: Message = { id: a.message, conversation: a.conversation, order, author: me, own: true, kind: 'text', text: a.text, system: null, at: Date.now(), state: 'sending' };
      put(message);
      const stages: MessageState[] = a.text === 'fail' ? ['failed'] : ['stored', 'delivered', 'read'];
      stages.forEach((s, n) => setTimeout(() => put({ ...message, state: s }), 400 * (n + 1)));
      return null;
    },
    'discard-message': async a => { messages.set(a.conversation, (messages.get(a.conversation) ?? []).filter(m => m.id !== a.message)); tell({ event: 'message-gone', conversation: a.conversation, message: a.message }); return null; },
    'retry-message': async a => { const m = messages.get(a.conversation)?.find(x => x.id === a.message); if (m) { put({ ...m, state: 'sending' }); setTimeout(() => put({ ...m, state: 'stored' }), 600); } return null; },
    draft: async a => { touch(a.conversation, { draft: a.text }); return null; },
    read: async a => { touch(a.conversation, { read: a.order, unread: (messages.get(a.conversation) ?? []).filter(m => !m.own && m.kind === 'text' && m.order > a.order).length }); change({ unread: [...conversations.values()].reduce((n, c) => n + c.unread, 0) }); return null; },
    conversations: async () => [...conversations.values()],
    messages: async a => {
      const all = messages.get(a.conversation) ?? [];
      const { before } = a;
      const end = before === null ? all.length : all.findLastIndex(m => m.order < before) + 1;
      return { messages: all.slice(Math.max(0, end - a.limit), end), more: end > a.limit };
    },
    'safety-number': async a => {
      const c = conversations.get(a.conversation) as Conversation;
      return { with: c.with, digits: ['20417', '88263', '51904', '07735', '64120', '39582', '11876', '90243', '75508', '43319', '26691', '58074'], qr: 'sotto-safety:1:20417882635190407735641203958211876902437550843319', verified: c.verified, trust: c.trust };
    },
    verify: async a => { touch(a.conversation, { verified: a.verified, ...(a.verified ? { trust: 'proven' as const, held: 0 } : {}) }); return null; },
    'accept-change': async a => { touch(a.conversation, { trust: 'first-use', verified: false, held: 0 }); return null; },
    devices: async () => [{ id: hex(99), own: true, added: NOW - 20 * DAY }, { id: hex(98), own: false, added: NOW - 2 * HOUR }],
    theme: async a => { change({ theme: a.theme }); return null; },
  };

  const core: Core = {
    get state() { return { ...state }; },
    on(listener) { listeners.add(listener); return () => { listeners.delete(listener); }; },
    run: (command, args) => (commands[command] as (a: unknown) => Promise<never>)(args),
  };
  // What the cases of e2e/screens let happen.
  Object.assign(globalThis, { mock: { change, put, touch, messages, conversations, hear: (text: string) => { const list = messages.get(hex(11)) as Message[]; put({ id: hex(nextId++), conversation: hex(11), order: (list.at(-1)?.order ?? 0) + 1000, author: bob, own: false, kind: 'text', text, system: null, at: Date.now(), state: 'stored' }); } } });
  return core;
}
