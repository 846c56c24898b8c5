import { expect, test } from 'vitest';
import { href, isDoor, parse, safeNext } from './route';

const c = '0123456789abcdef0123456789abcdef', m = 'f'.repeat(32);

test.each([
  ['/', 'home'], ['', 'home'], ['/login', 'login'], ['/login/', 'login'], ['/register', 'register'], ['/recover', 'recover'], ['/settings', 'settings'],
  [`/c/${c}`, 'talk'], [`/c/${c}/${m}`, 'talk'], ['/c', 'nowhere'], ['/c/x', 'nowhere'], [`/c/${c}/${m}/x`, 'nowhere'], ['/login/x', 'nowhere'], ['/Login', 'nowhere'], ['/..', 'nowhere'],
])('%s is %s', (path, page) => {
  const route = parse(path);
  expect(route.page).toBe(page);
  if (route.page !== 'nowhere') expect(parse(href(route))).toEqual(route);
});
test('message of an address', () => {
  expect(parse(`/c/${c}/${m}`)).toEqual({ page: 'talk', conversation: c, message: m });
});
test.each([[`/c/${c}`, `/c/${c}`], ['/settings', '/settings'], ['/login', '/'], ['//evil.example', '/'], ['https://evil.example', '/'], ['/nowhere', '/'], [undefined, '/'], [{}, '/']])('next %j → %s', (path, next) => {
  expect(safeNext(path)).toBe(next);
});
test('doors', () => {
  expect(['/login', '/register', '/recover', '/settings', '/'].map(p => isDoor(parse(p)))).toEqual([true, true, true, false, false]);
});
