import { expect, test } from 'vitest';
import { folded, initials, oneLine, plain, tooLong } from './words';

test('limit in bytes, told in characters', () => {
  expect(tooLong('a'.repeat(60_000))).toBe(0);
  expect(tooLong('a'.repeat(61_204))).toBe(1_204);
  expect(tooLong('é'.repeat(30_000))).toBe(0);
  expect(tooLong('🎹'.repeat(15_001))).toBe(1);
});
test.each([['nora', 'N'], ['bob.varga', 'BV'], ['a_b-c', 'AC'], ['ليلى حداد', 'لح'], ['', ''], ['…', '…']])('initials of %s', (name, text) => {
  expect(initials(name)).toBe(text);
});
test('controls and direction marks go, text stays', () => {
  expect(plain('a\u202egnp.exe\u0000\u0007 b\n\tc')).toBe('agnp.exe b\n\tc');
  expect(oneLine('  a\n\nb\tc ')).toBe('a b c');
});
test('folding', () => {
  expect(folded('short')).toBeNull();
  expect(folded('word '.repeat(400))).toMatch(/^(word ){120,}word…$/);
  expect(folded('x\n'.repeat(60))?.split('\n').length).toBe(18);
  expect(folded('🎹'.repeat(2_000))).toMatch(/^(🎹)+…$/u);
});
