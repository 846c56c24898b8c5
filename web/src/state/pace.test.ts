import { expect, test } from 'vitest';
import { Pace } from './pace';

test('what comes one by one is shown at once', () => {
  const pace = new Pace();
  expect(pace.wait(0)).toBe(0);
  pace.shown(3, 10);
  expect(pace.wait(10)).toBe(0);
});
test('while many come they wait for each other, and never longer than a moment', () => {
  const pace = new Pace();
  pace.shown(200, 1_000);
  expect(pace.wait(1_000)).toBe(250);
  expect(pace.wait(1_060)).toBe(190);
  expect(pace.wait(1_250)).toBe(0);
  pace.shown(1, 1_250);
  expect(pace.wait(1_250)).toBe(0);
});
