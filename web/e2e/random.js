// Random moments that can be repeated: the seed is printed, and SOTTO_SEED brings it back.

export const SEED = Number(process.env.SOTTO_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The chances of one case: the same seed and name give the same, whatever runs before or beside it. */
export function chances(name) {
  let state = [...name].reduce((sum, sign) => (Math.imul(sum, 31) + sign.codePointAt(0)) >>> 0, SEED >>> 0);
  /** A number from 0 up to 1 (mulberry32). */
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: most => Math.floor(random() * most),
    pick: list => list[Math.floor(random() * list.length)],
    /** Resolves at a moment nobody can foresee, so that ends come in the middle of things. */
    moment: most => new Promise(resolve => setTimeout(resolve, random() * most)),
  };
}
