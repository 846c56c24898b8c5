// What everything of this account slot is called: lock, channel, database, folder of files, file system of SQLite.

/** Several accounts may live in one browser one day; today there is the first. */
export const SLOT = 0;
export const NAME = `sotto-${SLOT}`;
/** Who holds it leads: owns core, store and socket. */
export const LEAD = NAME;
/** Held by each page: Chromium does not freeze a page that holds a lock (one held by its worker does not count). */
export const awake = (tab: string) => `${NAME}-awake-${tab}`;
/** Held by each worker: whoever is granted it after that knows that the worker has ended. */
export const alive = (worker: string) => `${NAME}-alive-${worker}`;
