import { expect, test } from 'vitest';
import { clock } from './time';

const words = { now: 'now', minutes: (n: number) => `${n} min`, today: 'Today', yesterday: 'Yesterday' };
const now = new Date(2026, 10, 20, 10, 45).getTime();
const back = (minutes: number) => now - minutes * 60_000;
const gb = clock(['en-GB'], words);

test.each([
  [0, 'now'], [-0.5, 'now'], [0.9, 'now'], [1, '1 min'], [59, '59 min'], [60, '09:45'], [645, '00:00'], [646, 'Yesterday'],
  [24 * 60 * 2, 'Wed'], [24 * 60 * 6, 'Sat'], [24 * 60 * 7, '13 Nov'], [24 * 60 * 400, '16 Oct 2025'], [-5, '10:50'],
])('%d minutes ago → %s', (minutes, text) => {
  expect(gb.list(back(minutes), now)).toBe(text);
});

test('days', () => {
  expect(gb.day(now, now)).toBe('Today');
  expect(gb.day(back(24 * 60), now)).toBe('Yesterday');
  expect(gb.day(back(48 * 60), now)).toBe('Wednesday 18 November');
  expect(gb.day(back(24 * 60 * 400), now)).toBe('16 October 2025');
});

test('the clock is the reader’s, the words are the page’s', () => {
  expect(clock(['en-US'], words).clock(now)).toMatch(/^10:45\sAM$/);
  expect(clock(['de-DE', 'en'], words).clock(now)).toBe('10:45');
  expect(clock(['de-DE'], words).full(now)).toMatch(/^Friday/);
});

test('twelve hours are written without a zero in front, twenty-four with one', () => {
  const afternoon = new Date(2026, 10, 20, 14, 19).getTime(), night = new Date(2026, 10, 20, 2, 5).getTime();
  expect(clock(['en-US'], words).clock(afternoon)).toMatch(/^2:19\sPM$/);
  expect(clock(['en-US'], words).full(night)).toMatch(/\b2:05\sAM$/);
  expect(clock(['ja-JP-u-hc-h11'], words).clock(night)).toMatch(/^2:05\sam$/i);
  expect(gb.clock(night)).toBe('02:05');
  expect(gb.full(night)).toMatch(/\b02:05$/);
});

test('what is kept of one minute is not another’s', () => {
  const made = Array.from({ length: 3_000 }, (_, minute) => [now + minute * 60_000 - 1, now + minute * 60_000] as const);
  for (const [before, at] of made) {
    expect(gb.clock(at)).not.toBe(gb.clock(before));
    expect(gb.clock(at + 59_999)).toBe(gb.clock(at));
  }
  expect(gb.full(now)).toBe(clock(['en-GB'], words).full(now));
  expect(gb.clock(now)).toBe('10:45');
});
