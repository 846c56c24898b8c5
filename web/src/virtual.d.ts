declare module '*.css';
/** What the build knows of the release: address and hash of each file. Each bundle sees only the names it may load. */
declare module 'virtual:release' {
  interface Named { url: string; integrity: string }
  export const APP: Named;
  export const WORKER: Named;
  export const STYLE: Named;
  export const CORE: Named;
}
declare module 'virtual:assets' {
  export const FAVICON: string;
  export const FAVICON_UNREAD: string;
}
/** Boot leaves this for the app: the verified worker, another one when it has ended, and the way to say what keeps the page from starting: one of the
 * paragraphs of the page, a file that was refused if none is named. */
declare var sotto: { core: Promise<Worker>; again(): Promise<Worker>; fail(why?: 'refused' | 'no-chance'): void };
