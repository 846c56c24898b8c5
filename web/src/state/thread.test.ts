import { expect, test } from 'vitest';
import type { Core, Message } from '../core/types';
import { Thread } from './thread.svelte';

const message = (n: number, more: Partial<Message> = {}): Message => ({
  id: String(n).padStart(32, '0'), conversation: 'c', order: n * 1000, author: { id: 'a', name: 'a', hue: 0 }, own: false, kind: 'text', text: String(n), system: null, at: n, state: 'stored', ...more,
});

/** A store of messages 1 to `count` that answers like the core, and counts how often it was asked. */
function store(count: number) {
  const asked = { times: 0 };
  const core = {
    run: async (_: string, { before, limit }: { before: number | null; limit: number }) => {
      asked.times++;
      const all = Array.from({ length: count }, (_, i) => message(i + 1)).filter(m => before === null || m.order < before);
      return { messages: all.slice(-limit), more: all.length > limit };
    },
  } as unknown as Core;
  return { core, asked };
}
const texts = (thread: Thread) => thread.items.map(m => m.text);

test('opens at the newest page', async () => {
  const { core, asked } = store(1000);
  const thread = new Thread(core, 'c');
  await thread.open(1e9, 0);
  expect(texts(thread).at(-1)).toBe('1000');
  expect(asked.times).toBe(1);
  expect(thread.newFrom).toBeNull();
  expect(thread.more).toBe(true);
});
test('loads back to the first unread and marks it', async () => {
  const thread = new Thread(store(1000).core, 'c');
  await thread.open(880_000, 120);
  expect(thread.newFrom).toBe(881_000);
  expect(thread.items.some(m => m.order === 880_000)).toBe(true);
});
test('asking twice at once is asking once', async () => {
  const { core, asked } = store(1000);
  const thread = new Thread(core, 'c');
  await Promise.all([thread.older(), thread.older()]);
  expect(asked.times).toBe(1);
});
test('ends at the beginning', async () => {
  const thread = new Thread(store(130).core, 'c');
  for (let i = 0; i < 5; i++) await thread.older();
  expect(thread.items.length).toBe(130);
  expect(thread.more).toBe(false);
  expect(texts(thread)).toEqual(Array.from({ length: 130 }, (_, i) => String(i + 1)));
});
test('a message in flight takes its final place without doubling', async () => {
  const thread = new Thread(store(3).core, 'c');
  await thread.open(0, 0);
  const waiting = message(9, { order: 1e15, own: true, state: 'sending' });
  expect(thread.put([waiting])).toEqual([waiting]);
  expect(thread.put([message(4)])).toHaveLength(1);
  expect(texts(thread)).toEqual(['1', '2', '3', '4', '9']);
  expect(thread.put([{ ...waiting, order: 3500, state: 'stored' }])).toEqual([]);
  expect(texts(thread)).toEqual(['1', '2', '3', '9', '4']);
  thread.drop(waiting.id);
  expect(texts(thread)).toEqual(['1', '2', '3', '4']);
});
test('something heard while the first page is read is neither lost nor doubled', async () => {
  const thread = new Thread(store(100).core, 'c');
  const opening = thread.open(1e9, 0);
  thread.put([message(100), message(101)]);
  await opening;
  expect(texts(thread).slice(-3)).toEqual(['99', '100', '101']);
  expect(new Set(thread.items.map(m => m.id)).size).toBe(thread.items.length);
});
test('however messages come, the same stands there in the end', async () => {
  const orders: Message[][][] = [
    [[message(4), message(5), message(6)]],
    [[message(4)], [message(5)], [message(6)]],
    [[message(6), message(4)], [message(5), message(5)]],
    [[message(5), message(4)], [message(4), message(6)], [message(6), message(5)]],
    [[message(4), message(4, { order: 4_500 }), message(5)], [message(6)], [message(4)]],
    [[message(4), message(7)], [message(5), message(6), message(7)]],
  ];
  for (const [at, lists] of orders.entries()) {
    const thread = new Thread(store(3).core, 'c');
    await thread.open(0, 0);
    const fresh = lists.flatMap(list => thread.put(list)).map(m => m.text);
    thread.drop(message(7).id);
    expect([at, ...texts(thread)]).toEqual([at, '1', '2', '3', '4', '5', '6']);
    expect(new Set(fresh).size).toBe(fresh.length);
    expect(thread.put([message(7)])).toHaveLength(1);
  }
});
test('what is older than the loaded run waits for its page', async () => {
  const thread = new Thread(store(1000).core, 'c');
  await thread.open(1e9, 0);
  expect(thread.put([message(5)])).toEqual([]);
  expect(thread.items.some(m => m.order === 5000)).toBe(false);
});
test('finds an address far back, in few steps', async () => {
  const { core, asked } = store(5000);
  const thread = new Thread(core, 'c');
  expect(await thread.find(message(700).id)).toBeGreaterThanOrEqual(0);
  expect(asked.times).toBeLessThan(12);
  expect(await thread.find('f'.repeat(32))).toBe(-1);
});
test('a hundred thousand messages, and one more, at once', () => {
  const thread = new Thread(store(0).core, 'c');
  thread.put(Array.from({ length: 100_000 }, (_, i) => message(i + 1)));
  const start = performance.now();
  thread.put([message(100_001)]);
  expect(performance.now() - start).toBeLessThan(2_000); // a quadratic way would take minutes
  expect(thread.items.length).toBe(100_001);
});
