// A first look at a typed recovery kit, so that a slip is told before anything is sent; the core checks it in earnest.

const ALPHABET = /^[0-9A-HJKMNP-TV-ZOIL]$/i; // O, I and L are read as 0 and 1

export type KitFault = { kind: 'empty' } | { kind: 'short'; groups: number } | { kind: 'long' } | { kind: 'character'; group: number };

export function kitFault(typed: string): KitFault | null {
  const signs = [...typed.replace(/[\s–-]+/gu, '')];
  if (!signs.length) return { kind: 'empty' };
  const odd = signs.findIndex(sign => !ALPHABET.test(sign));
  if (odd >= 0) return { kind: 'character', group: Math.floor(odd / 4) + 1 };
  if (signs.length > 32) return { kind: 'long' };
  return signs.length < 32 ? { kind: 'short', groups: Math.ceil((32 - signs.length) / 4) } : null;
}
