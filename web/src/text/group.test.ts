import { expect, test } from 'vitest';
import type { Message } from '../core/types';
import { days } from './group';

const noon = new Date(2026, 10, 20, 12).getTime();
const minute = 60_000;
let order = 0;
const message = (author: string, minutes: number, more: Partial<Message> = {}): Message => ({
  id: String(++order).padStart(32, '0'), conversation: 'c', order: order * 1000, author: { id: author, name: author, hue: 0 }, own: author === 'me',
  kind: 'text', text: 'x', system: null, at: noon + minutes * minute, state: 'stored', ...more,
});
const flags = (messages: Message[], newFrom: number | null = null) =>
  days(messages, newFrom).map(day => day.rows.map(r => (r.first ? 'f' : '-') + (r.last ? 'l' : '-') + (r.fresh ? 'n' : '')).join(' ')).join(' | ');

test('same author within five minutes', () => {
  expect(flags([message('a', 0), message('a', 4), message('a', 8)])).toBe('f- -- -l');
  expect(flags([message('a', 0), message('a', 5)])).toBe('fl fl');
  expect(flags([message('a', 0), message('b', 1), message('a', 2)])).toBe('fl fl fl');
});
test('a system line, a failure and midnight break', () => {
  expect(flags([message('a', 0), message('a', 1, { kind: 'system', system: { line: 'started' } }), message('a', 2)])).toBe('fl fl fl');
  expect(flags([message('me', 0), message('me', 1, { state: 'failed' }), message('me', 2)])).toBe('fl fl fl');
  expect(flags([message('a', 719), message('a', 721)])).toBe('fl | fl');
});
test('the new line breaks a group and stands once', () => {
  const all = [message('a', 0), message('a', 1), message('a', 2)];
  expect(flags(all, all[1]!.order)).toBe('fl f-n -l');
  expect(flags(all, all[0]!.order)).toBe('f-n -- -l');
  expect(flags([], 1)).toBe('');
});
test('a window that starts inside a group knows what came before', () => {
  const [a, b] = [message('a', 0), message('a', 1)] as const;
  expect(days([b], null, a)[0]?.rows[0]?.first).toBe(false);
  expect(days([b], b.order, a)[0]?.rows[0]?.fresh).toBe(true);
  expect(days([b], a.order, a)[0]?.rows[0]?.fresh).toBe(false);
});
