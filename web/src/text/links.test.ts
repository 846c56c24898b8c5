import { expect, test } from 'vitest';
import { pieces } from './links';

const links = (text: string) => pieces(text).filter(p => p.kind === 'link').map(p => [p.text, p.href, p.host]);

test.each([
  ['see https://a.example/b?c=d#e now', 'https://a.example/b?c=d#e', 'https://a.example/b?c=d#e'],
  ['http://a.example.', 'http://a.example', 'http://a.example/'],
  ['(https://en.example/wiki/A_(b))', 'https://en.example/wiki/A_(b)', 'https://en.example/wiki/A_(b)'],
  ['(see https://a.example/x)', 'https://a.example/x', 'https://a.example/x'],
  ['www.a.example!', 'www.a.example', 'https://www.a.example/'],
  ['mailto:bob@a.example?', 'mailto:bob@a.example', 'mailto:bob@a.example'],
  ['HTTPS://A.EXAMPLE/X', 'HTTPS://A.EXAMPLE/X', 'https://a.example/X'],
])('%s', (text, shown, href) => {
  expect(links(text)).toEqual([[shown, href, null]]);
});

test('what reads otherwise than it goes shows its host', () => {
  expect(links('https://bank.example@evil.example/')[0]?.[2]).toBe('evil.example');
  expect(links('https://аpple.example/')[0]?.[2]).toMatch(/^xn--/);
  expect(links('https://a.example\\@evil.example/')[0]?.[2]).toBe(null);
});

test.each([
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\u0000script:alert(1)', 'java\tscript:alert(1)', ' javascript:alert(1)', 'javascript://https://a.example/%0aalert(1)',
  'data:text/html,<script>alert(1)</script>', 'data:text/html;base64,PHNjcmlwdD4=', 'vbscript:msgbox(1)', 'blob:x', 'file:///etc/passwd',
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '"><svg onload=alert(1)>', '<a href="javascript:alert(1)">x</a>', '{{constructor.constructor("alert(1)")()}}',
  'https://', 'http:///', 'mailto:', 'mailto:x', 'ftp://a.example/', '//a.example', 'a.example',
])('stays text: %j', text => {
  for (const piece of pieces(text)) {
    if (piece.kind === 'link') expect(piece.href).toMatch(/^https?:\/\/a\.example\//); // an inner, honest https link may be one
  }
  expect(pieces(text).map(p => p.text).join('')).toBe(text);
  expect(pieces(text).some(p => p.kind === 'link' && !/^https:\/\/a\.example/.test(p.href))).toBe(false);
});

test.each(['https://a.example/"onmouseover="alert(1)', "https://a.example/'><script>", 'https://a.example/<b>x', 'https://a.example/\u202egnp.exe', 'https://a.example/\u200bx'])('a link ends before what could break out: %j', text => {
  expect(links(text)).toEqual([['https://a.example/', 'https://a.example/', null]]);
});

test('nothing is lost or doubled, and it is fast', () => {
  const text = 'x https://a.example, y www.b.example) mailto:c@d.example. z';
  expect(pieces(text).map(p => p.text).join('')).toBe(text);
  const start = performance.now();
  pieces('https://a.example/' + '('.repeat(30_000) + ')'.repeat(29_000));
  pieces('www.'.repeat(15_000));
  expect(performance.now() - start).toBeLessThan(1_000);
});
