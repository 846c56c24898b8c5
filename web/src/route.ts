// Addresses of the page. Back and forward are the browser's own.
import type { Id } from './core/types';

export type Route =
  | { page: 'home' }
  | { page: 'login' }
  | { page: 'register' }
  | { page: 'recover' }
  | { page: 'settings' }
  | { page: 'talk'; conversation: Id; message: Id | null }
  | { page: 'nowhere' };

const ID = /^[0-9a-f]{32}$/;

export function parse(path: string): Route {
  const [, page = '', ...rest] = path.replace(/\/+$/, '').split('/');
  if (page === '' && rest.length === 0) return { page: 'home' };
  if (rest.length === 0 && (page === 'login' || page === 'register' || page === 'recover' || page === 'settings')) return { page };
  if (page === 'c' && rest.length >= 1 && rest.length <= 2 && rest.every(id => ID.test(id))) {
    return { page: 'talk', conversation: rest[0] as Id, message: rest[1] ?? null };
  }
  return { page: 'nowhere' };
}

export function href(route: Exclude<Route, { page: 'nowhere' }>): string {
  if (route.page === 'home') return '/';
  if (route.page !== 'talk') return `/${route.page}`;
  return `/c/${route.conversation}${route.message ? `/${route.message}` : ''}`;
}

/** Pages one sees before signing in. */
export const isDoor = (route: Route): boolean => route.page === 'login' || route.page === 'register' || route.page === 'recover';

/** Where to go after signing in: only ever a page of our own. */
export function safeNext(path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.startsWith('//')) return '/';
  const route = parse(path);
  return route.page === 'nowhere' || isDoor(route) ? '/' : href(route);
}
