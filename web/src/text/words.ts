// Small things about text that several screens need.

/** What a message may hold, in UTF-8; the same number as shared/src/limits.rs. */
export const TEXT_BYTES = 60_000;

const bytes = new TextEncoder();
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export const byteLength = (text: string): number => bytes.encode(text).length;

/** How many characters have to go so that the text fits, 0 when it does. */
export function tooLong(text: string): number {
  if (text.length * 3 <= TEXT_BYTES || byteLength(text) <= TEXT_BYTES) return 0;
  const fitting = bytes.encodeInto(text, new Uint8Array(TEXT_BYTES)).read;
  return [...text.slice(fitting)].length;
}

/** First letters of the first and the last word, in any script. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map(word => first(word ?? '')).join('').toLocaleUpperCase();
}

const first = (word: string) => graphemes.segment(word)[Symbol.iterator]().next().value?.segment ?? '';

/** One line for a list: controls and direction marks gone, white space folded, not longer than anybody sees. */
export const oneLine = (text: string): string => plain(text.slice(0, 300)).replace(/\s+/gu, ' ').trim();

/** Without controls (but tabs and line breaks) and without marks that turn the direction of what follows. */
export const plain = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '');

const FOLD_CHARS = 700, FOLD_LINES = 18;

/** The beginning of a very long message, or null when it is short enough to show whole. */
export function folded(text: string): string | null {
  const lines = text.split('\n', FOLD_LINES + 8);
  if (text.length < FOLD_CHARS * 1.3 && lines.length < FOLD_LINES + 8) return null;
  const cut = lines.slice(0, FOLD_LINES).join('\n').slice(0, FOLD_CHARS);
  const space = cut.lastIndexOf(' ');
  return (space > FOLD_CHARS * 0.8 ? cut.slice(0, space) : cut.replace(/[\ud800-\udbff]$/u, '')).trimEnd() + '…';
}
