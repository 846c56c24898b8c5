// Random moments that can be repeated: the seed is printed, and SOTTO_SEED brings it back.

const seed = Number(process.env.SOTTO_SEED ?? Math.floor(Math.random() * 2 ** 31));
let state = seed >>> 0;

export const SEED = seed;

/** A number from 0 up to 1 (mulberry32). */
export function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
export const pick = list => list[Math.floor(random() * list.length)];
/** Resolves at a moment nobody can foresee, so that ends come in the middle of things. */
export const moment = most => new Promise(resolve => setTimeout(resolve, random() * most));
