import { expect, test } from 'vitest';
import { strength, unmet } from './password';
import vectors from './password.vectors.json';
import { usernameFault } from './username';

test.each(vectors)('rules: $password', ({ password, unmet: expected }) => {
  expect(unmet(password)).toEqual(expected);
});

test.each([
  ['', 0], ['Password123!', 0], ['aaaaaaaaaaaaaaaa', 0], ['12345678', 0], ['Nora-nora7', 0],
  ['Quiet-r7', 1], ['Quiet-river7', 2], ['Quiet-river7-lamp-orbit', 4],
] as const)('strength of %j is %d', (password, level) => {
  expect(strength(password, 'nora')).toBe(level);
});

test('longer is never weaker', () => {
  const whole = 'Quiet-river7-lamp-orbit';
  let last = 0;
  for (let end = 1; end <= whole.length; end++) {
    const level = strength(whole.slice(0, end));
    expect(level).toBeGreaterThanOrEqual(last);
    last = level;
  }
});

test.each([
  ['abc', null], ['a.b', null], ['Alice_1', null], ['x-y', null], ['a'.repeat(30), null],
  ['', 'length'], ['ab', 'length'], ['a'.repeat(31), 'length'],
  ['a b', 'characters'], ['älice', 'characters'], ['al/ce', 'characters'], ['аlice', 'characters'], ['bob\u200b', 'characters'],
])('username %j → %s', (name, fault) => {
  expect(usernameFault(name)).toBe(fault);
});
