import { expect, test } from 'vitest';
import { kitFault } from './kit';

const whole = '7K2M Q9XD 04TB HW6R ZC3N P8VJ 1FEG 5SAY';

test.each([
  [whole, null], [whole.toLowerCase().replaceAll(' ', '-'), null], [whole.replaceAll(' ', ''), null], [whole.replace('04TB', 'O4TB').replace('1FEG', 'lFEG'), null],
  ['', { kind: 'empty' }], ['7K2M Q9XD 04TB HW6R', { kind: 'short', groups: 4 }], [whole.slice(0, -1), { kind: 'short', groups: 1 }], [whole + 'A', { kind: 'long' }],
  [whole.replace('Q9XD', 'U9XD'), { kind: 'character', group: 2 }], ['é', { kind: 'character', group: 1 }],
])('%j', (typed, fault) => {
  expect(kitFault(typed)).toEqual(fault);
});
