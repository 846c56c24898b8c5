// How moments are written. Words come from the page's language, the clock (12 or 24 hours) from the reader's browser.

const MINUTE = 60_000, HOUR = 60 * MINUTE;
/** Minutes whose text is kept: more than a window of messages has. */
const KEPT = 1_000;

export interface Clock {
  clock(at: number): string;
  full(at: number): string;
  list(at: number, now: number): string;
  day(at: number, now: number): string;
}

export function clock(languages: readonly string[], words: { now: string; minutes(n: number): string; today: string; yesterday: string }): Clock {
  const language = languages.find(l => l.toLowerCase().startsWith('en')) ?? 'en-GB';
  const hourCycle = new Intl.DateTimeFormat(languages[0], { hour: 'numeric' }).resolvedOptions().hourCycle ?? 'h23';
  // Nobody writes 02:19 PM; with 24 hours the zero keeps times in one column.
  const hour = hourCycle === 'h12' || hourCycle === 'h11' ? 'numeric' : '2-digit';
  const make = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(language, options);
    return (at: number) => format.format(at);
  };
  // Nothing here is finer than a minute, and thousands of messages share one.
  const kept = (format: (at: number) => string) => {
    const texts = new Map<number, string>();
    return (at: number) => {
      const minute = Math.floor(at / MINUTE);
      let text = texts.get(minute);
      if (text === undefined) {
        if (texts.size >= KEPT) texts.clear();
        texts.set(minute, (text = format(at)));
      }
      return text;
    };
  };
  const time = kept(make({ hour, minute: '2-digit', hourCycle }));
  const full = kept(make({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour, minute: '2-digit', hourCycle }));
  const weekday = make({ weekday: 'short' });
  const date = make({ day: 'numeric', month: 'short' });
  const dateYear = make({ day: 'numeric', month: 'short', year: 'numeric' });
  const long = make({ weekday: 'long', day: 'numeric', month: 'long' });
  const longYear = make({ day: 'numeric', month: 'long', year: 'numeric' });
  const year = (at: number) => new Date(at).getFullYear();
  return {
    clock: time,
    full,
    list(at, now) {
      if (Math.abs(now - at) < MINUTE) return words.now;
      if (at <= now && now - at < HOUR) return words.minutes(Math.floor((now - at) / MINUTE));
      const ago = daysAgo(at, now);
      return ago === 0 ? time(at) : ago === 1 ? words.yesterday : ago > 1 && ago < 7 ? weekday(at) : year(at) === year(now) ? date(at) : dateYear(at);
    },
    day(at, now) {
      const ago = daysAgo(at, now);
      return ago === 0 ? words.today : ago === 1 ? words.yesterday : year(at) === year(now) ? long(at) : longYear(at);
    },
  };
}

/** Midnights between two moments, by the reader's calendar; days with 23 or 25 hours count as one. */
function daysAgo(at: number, now: number): number {
  const midnight = (moment: number) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / (24 * HOUR));
}
