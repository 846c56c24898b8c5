// Waiting for a condition, never for a length of time.

const STEP = 20;

/** Asks again and again until the answer is truthy; fails at the deadline with what was awaited and what was last seen. */
export async function until(what, ask, { within = 15_000, every = STEP } = {}) {
  const end = performance.now() + within;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`not within ${within} ms: ${what} (last: ${String(seen).slice(0, 400)})`);
    }
    await new Promise(resolve => setTimeout(resolve, every));
  }
}

/** Fails when the promise takes longer than this. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
