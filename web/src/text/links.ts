// Finds links in what a person wrote. Gives a tree of plain text and links; nothing here or later is ever HTML.

export type Piece = { kind: 'text'; text: string } | { kind: 'link'; text: string; href: string; host: string | null };

/** Only these schemes are ever made clickable; everything else stays text. */
const SCHEMES = new Set(['https:', 'http:', 'mailto:']);
const CANDIDATE = /\b(?:https?:\/\/|mailto:|www\.)[^\s<>"'`\u0000-\u001f\u007f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/giu;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let done = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trimmed(match[0]);
    const link = target(shown);
    if (!link) continue;
    if (match.index > done) found.push({ kind: 'text', text: text.slice(done, match.index) });
    found.push({ kind: 'link', text: shown, ...link });
    done = match.index + shown.length;
  }
  if (done < text.length) found.push({ kind: 'text', text: text.slice(done) });
  return found;
}

/** Where it goes, and the host to show beside it when it reads otherwise than it goes (other alphabets, a name before @). */
function target(shown: string): { href: string; host: string | null } | null {
  let url: URL;
  try {
    url = new URL(/^www\./i.test(shown) ? `https://${shown}` : shown);
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol)) return null;
  if (url.protocol === 'mailto:') return /^[^@?]+@[^@?]+\.[^@?]+/.test(url.pathname) ? { href: url.href, host: null } : null;
  if (!url.hostname) return null;
  const honest = !url.username && !url.password && shown.toLowerCase().replace(/^(https?:\/\/)?/, '').startsWith(url.hostname);
  return { href: url.href, host: honest ? null : url.hostname };
}

/** A sentence's full stop and a bracket that was opened before the link are not part of it. */
function trimmed(link: string): string {
  for (;;) {
    const last = link.at(-1) ?? '';
    const opening = { ')': '(', ']': '[', '}': '{' }[last];
    if (/[.,;:!?…*_~|]/.test(last) || (opening !== undefined && count(link, last) > count(link, opening))) link = link.slice(0, -1);
    else return link;
  }
}

const count = (text: string, char: string) => text.split(char).length - 1;
