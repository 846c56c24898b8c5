import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { t } from '../i18n';
import { failureText, type Where } from './failure';

const rust = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');
const codes = [
  ...[...rust('shared/src/code.rs').matchAll(/^\s+\w+ = "([a-z_]+)", \d+/gm)].map(m => m[1] as string),
  ...[...rust('client-core/src/failure.rs').matchAll(/pub const \w+: &str = "([a-z_]+)"/g)].map(m => m[1] as string),
];

test('the lists were found', () => {
  expect(codes).toContain('invalid_credentials');
  expect(codes).toContain('nobody_found');
  expect(codes.length).toBeGreaterThan(40);
});

test.each(codes)('%s is said in our own words', code => {
  for (const where of ['login', 'unlock', 'register', 'recover', 'chat', 'other'] satisfies Where[]) {
    const text = failureText({ code, message: 'RAW' }, where, 'bob');
    if (code === 'password_rule') expect(text).toBe('RAW'); // the rule's own text
    else expect(text, where).not.toMatch(/RAW|undefined/);
  }
});

test('what is not known is said as the server says it, or plainly', () => {
  expect(failureText({ code: 'from_the_future', message: 'A sentence' }, 'other')).toBe('A sentence');
  expect(failureText({ code: 'from_the_future' }, 'other')).toBe(t('error.unknown'));
  expect(failureText(new TypeError('x'), 'other')).toBe(t('error.unknown'));
});

test('waiting is told in seconds or minutes', () => {
  expect(failureText({ code: 'rate_limited', retryAfterMs: 12_400 }, 'login')).toContain('13 seconds');
  expect(failureText({ code: 'rate_limited', retryAfterMs: 1_000 }, 'login')).toContain('one second');
  expect(failureText({ code: 'rate_limited', retryAfterMs: 600_000 }, 'login')).toContain('10 minutes');
});

test('a wrong password reads differently where it is typed', () => {
  const said = (['login', 'unlock', 'recover'] as const).map(where => failureText({ code: 'invalid_credentials' }, where));
  expect(new Set(said).size).toBe(3);
});
