import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { t } from '.';
import { en } from './en';

const root = join(import.meta.dirname, '..');
const files = (folder: string): string[] => readdirSync(folder).flatMap(name => {
  const path = join(folder, name);
  return statSync(path).isDirectory() ? files(path) : [path];
});
const sources = files(root).filter(f => /\.(svelte|ts)$/.test(f) && !/\.test\.ts$|i18n|core\//.test(f)).map(f => [f.slice(root.length), readFileSync(f, 'utf8')] as const);
const all = sources.map(([, text]) => text).join('\n');

test('every text is used', () => {
  const made = ['strength.0', 'strength.1', 'strength.2', 'strength.3', 'strength.4', ...['length', 'uppercase', 'lowercase', 'number', 'special'].map(r => `rules.${r}`), 'username.length', 'username.characters',
    ...['sending', 'stored', 'delivered', 'read', 'failed'].map(s => `state.${s}`), 'settings.system', 'settings.light', 'settings.dark'];
  const unused = Object.keys(en).filter(key => !all.includes(`'${key}'`) && !made.includes(key));
  expect(unused).toEqual([]);
});

test('no text stands in a screen', () => {
  const bare: string[] = [];
  for (const [name, source] of sources.filter(([f]) => f.endsWith('.svelte'))) {
    const markup = source.replace(/<script[\s\S]*?<\/script>/g, '').replace(/<!--[\s\S]*?-->/g, '');
    let text = '', depth = 0, tag = false;
    for (let i = 0; i < markup.length; i++) {
      const c = markup[i] as string;
      if (c === '{') depth++;
      else if (c === '}') depth--;
      else if (depth === 0 && c === '<') tag = true;
      else if (depth === 0 && c === '>' && tag && markup[i - 1] !== '=') tag = false;
      else if (depth === 0 && !tag) text += c;
    }
    if (/\p{L}/u.test(text)) bare.push(`${name}: ${text.trim().replace(/\s+/g, ' ')}`);
    for (const [, attribute, value] of markup.matchAll(/\b(aria-label|title|placeholder|alt)="([^"{]*\p{L}[^"{]*)"/gu)) bare.push(`${name}: ${attribute}="${value}"`);
  }
  expect(bare).toEqual([]);
});

test('plurals', () => {
  expect(t('talk.newLine', 1)).toBe('One new message');
  expect(t('talk.newLine', 3)).toBe('3 new messages');
  expect(t('write.long', 1204)).toBe('1,204 characters too long. Send it in two parts.');
});

test('the voice: calm, and not a word of cryptography', () => {
  for (const [key, text] of Object.entries(en)) {
    const words = typeof text === 'string' ? text : (text as (...a: never[]) => string)(...([2, 2] as never[]));
    expect(words, key).not.toMatch(/!|\bkeys?\b|encrypt|cipher|certificate|\bepoch\b|\bcommit\b|\bMLS\b|signature/i);
    expect(words, key).not.toMatch(/'/);
  }
});
