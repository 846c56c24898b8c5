// The same rules as shared/src/password.rs; password.vectors.json is read by the tests of this file and can be read by those.
import { t } from '../i18n';

export type Rule = 'length' | 'uppercase' | 'lowercase' | 'number' | 'special' | 'common';

/** Shown as a list that ticks itself off; 'common' speaks up only when it fails. */
export const LISTED = ['length', 'uppercase', 'lowercase', 'number', 'special'] as const satisfies readonly Rule[];

const COMMON = new Set([
  'password', 'passwort', 'qwerty', 'qwertz', 'azerty', 'letmein', 'welcome', 'admin', 'administrator', 'iloveyou', 'monkey', 'dragon',
  'football', 'baseball', 'sunshine', 'princess', 'master', 'shadow', 'superman', 'batman', 'trustno', 'hello', 'freedom', 'whatever',
  'starwars', 'computer', 'michael', 'jordan', 'hunter', 'killer', 'charlie', 'abcdef', 'abcdefgh', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm',
  'passw0rd', 'p@ssw0rd', 'p@ssword', 'changeme',
]);

/** Every rule the password does not meet, in the order of the texts. */
export function unmet(password: string): Rule[] {
  const folded = password.toLowerCase();
  const core = folded.replace(/[^\p{Alphabetic}]+$/u, '');
  const met: Record<Rule, boolean> = {
    length: [...password].length >= 8,
    uppercase: /\p{Uppercase}/u.test(password),
    lowercase: /\p{Lowercase}/u.test(password),
    number: /[0-9]/.test(password),
    special: /[^\p{Alphabetic}\p{N}]/u.test(password),
    common: !COMMON.has(core) && !COMMON.has(folded),
  };
  return (Object.keys(met) as Rule[]).filter(rule => !met[rule]);
}

export type Strength = 0 | 1 | 2 | 3 | 4;

/**
 * A guess of how long guessing takes: bits for each character by the kinds of characters used, almost none for repeats,
 * runs (abc, 321) and rows of a keyboard; nothing for a common core or the username. 28, 40, 54 and 70 bits are the steps.
 */
export function strength(password: string, username = ''): Strength {
  if (!password || unmet(password).includes('common')) return 0;
  let rest = password;
  const name = username.toLowerCase();
  if (name.length >= 3) rest = rest.replace(new RegExp(name.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&'), 'gi'), '');
  const chars = [...rest.toLowerCase()];
  const kinds = (/\p{Lowercase}/u.test(rest) ? 26 : 0) + (/\p{Uppercase}/u.test(rest) ? 26 : 0) + (/\p{N}/u.test(rest) ? 10 : 0) + (/[^\p{Alphabetic}\p{N}]/u.test(rest) ? 16 : 0);
  const each = Math.min(Math.log2(kinds || 2), 4.7); // people choose words: more kinds help less than they seem to
  const seen = new Set<string>();
  let bits = 0;
  for (const [at, char] of chars.entries()) {
    const before = chars[at - 1];
    const pair = (before ?? '') + char;
    const easy = before !== undefined && (seen.has(pair) || char === before || Math.abs(char.charCodeAt(0) - before.charCodeAt(0)) === 1 || ROWS.includes(pair));
    bits += easy ? 1 : each;
    seen.add(pair);
  }
  return bits < 28 ? 0 : bits < 40 ? 1 : bits < 54 ? 2 : bits < 70 ? 3 : 4;
}

const ROWS = 'qwertyuiop asdfghjkl zxcvbnm qwertzuiop azertyuiop 1234567890';

/** What to say when a rule is not met; word for word the texts of shared/src/password.rs. */
export const ruleText = (rule: Rule): string => (rule === 'common' ? t('rules.common') : (rule === 'length' ? t('rules.be') : t('rules.contain')) + t(`rules.${rule}`));
