import { expect, test } from 'vitest';
import { Pace } from './pace';

/** One comes every so many milliseconds and takes so long to show; when each was shown, and how many with it. */
function come(every: number, cost: number, total: number): { count: number; at: number; late: number }[] {
  const pace = new Pace();
  const shown: { count: number; at: number; late: number }[] = [];
  let now = 0, next = 0;
  while (next < total) {
    now = Math.max(now, next * every); // one is there
    now += pace.wait(now);
    const upTo = Math.min(total, Math.floor(now / every) + 1);
    shown.push({ count: upTo - next, at: now, late: now - next * every });
    next = upTo;
    pace.shown(shown.at(-1)?.count ?? 0, now, now + cost);
    now += cost;
  }
  return shown;
}

test('what comes one by one is shown at once', () => {
  expect(new Pace().wait(0)).toBe(0);
  for (const [every, cost] of [[100, 10], [30, 2], [200, 150]] as const) {
    for (const { count, late } of come(every, cost, 100)) expect([count, late]).toEqual([1, 0]);
  }
});
test('one that takes long among many that do not is no burst', () => {
  const pace = new Pace();
  for (let round = 0; round < 20; round += 1) {
    const now = round * 50;
    expect(pace.wait(now)).toBe(0);
    pace.shown(1, now, now + (round % 7 === 6 ? 40 : 4));
  }
});
test('many at one moment are followed by a rest', () => {
  const pace = new Pace();
  pace.shown(300, 998, 1_000);
  expect(pace.wait(1_000)).toBe(250);
  expect(pace.wait(1_060)).toBe(190);
  expect(pace.wait(1_250)).toBe(0);
});
test('a burst is one too when each is shown before the next is there', () => {
  // Two hundred a second for ten seconds, which take four milliseconds each: no two ever wait at one moment.
  const shown = come(5, 4, 2_000);
  expect(shown.reduce((sum, { count }) => sum + count, 0)).toBe(2_000);
  expect(shown.length).toBeLessThan(150);
  expect(Math.max(...shown.map(({ late }) => late))).toBeLessThanOrEqual(254);
});
test('where showing takes long fewer are a burst, and the rest is longer, but never longer than a second', () => {
  const pace = new Pace();
  pace.shown(9, 0, 200);
  expect(pace.wait(200)).toBe(800);
  pace.shown(9, 1_000, 3_000);
  expect(pace.wait(3_000)).toBe(1_000);
});
test('once the burst is over, what comes is shown at once again', () => {
  const pace = new Pace();
  pace.shown(500, 0, 10);
  expect(pace.wait(10)).toBe(250);
  expect(pace.wait(2_000)).toBe(0);
  pace.shown(1, 2_000, 2_010);
  expect(pace.wait(2_010)).toBe(0);
});
