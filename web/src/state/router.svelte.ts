// The address bar as state. Links are plain <a href>; one listener turns clicks on our own into history entries.
import { parse, safeNext, type Route } from '../route';

/** What a history entry remembers besides its address. */
interface Entry { next?: string; pane?: 'safety' }

export class Router {
  route = $state.raw<Route>(parse(location.pathname));
  entry = $state.raw<Entry>(entry());

  constructor() {
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', event => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element | null)?.closest?.('a[href]');
      if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin || parse(link.pathname).page === 'nowhere' || link.hash) return;
      event.preventDefault();
      this.go(link.pathname);
    });
  }

  go(path: string, options: { replace?: boolean; entry?: Entry } = {}): void {
    const kept = this.entry.next && !options.entry && ['/login', '/register', '/recover'].includes(path) ? { next: this.entry.next } : {};
    const same = path === location.pathname && !options.entry;
    history[options.replace || same ? 'replaceState' : 'pushState']({ ...kept, ...options.entry }, '', path);
    this.#read();
  }

  back(): void { history.back(); }

  /** The page first asked for, once somebody is signed in. */
  get next(): string { return safeNext(this.entry.next); }

  #read(): void {
    this.route = parse(location.pathname);
    this.entry = entry();
  }
}

const entry = (): Entry => (typeof history.state === 'object' && history.state !== null ? (history.state as Entry) : {});
