import type { Id } from '../core/types';

/** Commands and messages carry ids made here, so that one sent twice is done once. */
export const randomId = (): Id => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
