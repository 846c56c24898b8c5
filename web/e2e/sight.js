// What the eye sees of the messages: where they stand, and when nothing moves any more.

/** Runs in the page before anything else. Nothing here waits for a length of time, only for pictures that were drawn. */
export function sight() {
  const log = () => document.querySelector('[role=log]');
  const rows = () => [...document.querySelectorAll('.msg')];
  const top = id => Math.round(document.getElementById(id)?.getBoundingClientRect().top ?? NaN);
  const frame = () => new Promise(drawn => requestAnimationFrame(drawn));

  /** Resolves when two pictures in a row show the same. */
  async function rest() {
    const seen = () => [log()?.scrollTop, log()?.scrollHeight, rows().length, rows()[0]?.id, rows().at(-1)?.id, document.body.textContent.length].join();
    for (let last = seen(), same = 0; same < 2;) {
      await frame();
      const now = seen();
      same = now === last ? same + 1 : 0;
      last = now;
    }
  }

  /** The message at the top of what one sees, and where it stands. */
  function first() {
    const edge = log().getBoundingClientRect().top + 60;
    const row = rows().find(element => element.getBoundingClientRect().bottom > edge);
    return { id: row.id, top: top(row.id) };
  }

  /** Scrolls as a wheel would, so many times, and tells which steps did not move what one reads by exactly that much. */
  async function scroll(by, times = 1) {
    const uneven = [];
    for (let step = 0; step < times; step += 1) {
      const before = first();
      log().scrollTop += by;
      await rest();
      const moved = before.top - top(before.id);
      if (!(Math.abs(moved - by) <= 3)) uneven.push({ step, moved });
    }
    return uneven;
  }

  /** How much lies below what one sees. */
  const below = () => Math.round(log().scrollHeight - log().scrollTop - log().clientHeight);

  /** Whether an element stands within the messages one sees. */
  function visible(element) {
    const [inner, outer] = [element.getBoundingClientRect(), log().getBoundingClientRect()];
    return inner.height > 0 && inner.top >= outer.top && inner.bottom <= outer.bottom;
  }

  Object.defineProperty(globalThis, 'sight', { value: { rest, first, top, scroll, below, visible, rows } });
}
