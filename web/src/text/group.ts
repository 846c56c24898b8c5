// Which messages stand together: same author, same day, less than five minutes apart, nothing between.
import type { Message } from '../core/types';

export const GROUP_MS = 5 * 60_000;

export interface Row {
  message: Message;
  first: boolean;
  last: boolean;
  /** The line "n new messages" stands above this one. */
  fresh: boolean;
}
export interface Day {
  /** Year, month, day of the reader's calendar. */
  key: string;
  at: number;
  rows: Row[];
}

/** `newFrom`: order of the first message that was new when the chat was opened. */
export function days(messages: readonly Message[], newFrom: number | null, before: Message | null = null): Day[] {
  const found: Day[] = [];
  let previous = before;
  for (const message of messages) {
    const key = dayKey(message.at);
    const fresh = newFrom !== null && message.order >= newFrom && (previous?.order ?? -Infinity) < newFrom;
    const joined = previous !== null && !fresh && together(previous, message);
    const row: Row = { message, first: !joined, last: true, fresh };
    let day = found.at(-1);
    if (joined && day?.rows.length) (day.rows.at(-1) as Row).last = false;
    // Clocks differ: a day can come again after the next one has begun.
    if (day?.key.slice(0, key.length) !== key) found.push((day = { key: found.some(d => d.key === key) ? `${key}/${found.length}` : key, at: message.at, rows: [] }));
    day.rows.push(row);
    previous = message;
  }
  return found;
}

function together(a: Message, b: Message): boolean {
  return a.kind === 'text' && b.kind === 'text' && a.author.id === b.author.id && a.own === b.own
    && Math.abs(b.at - a.at) < GROUP_MS && dayKey(a.at) === dayKey(b.at) && a.state !== 'failed' && b.state !== 'failed';
}

export function dayKey(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
}
