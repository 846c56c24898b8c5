// Processor time of the core's worker: what a busy machine changes least.
import { readdirSync, readFileSync } from 'node:fs';
import { isFirefox } from '../find.js';

/** Ticks of a second in /proc. */
const TICKS = 100;

/** The parts of a `stat` behind the name, which may hold blanks and brackets itself; null when the process has ended meanwhile. */
function stat(path) {
  try {
    const text = readFileSync(`${path}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    return { name: text.slice(text.indexOf('(') + 1, end), parts: text.slice(end + 2).split(' ') };
  } catch {
    return null;
  }
}

function numbers(path) {
  try {
    return readdirSync(path).filter(name => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Milliseconds that workers of this page's browser have computed so far, to a hundredth of a second. */
export function worked(page) {
  const wanted = isFirefox(page) ? 'DOM Worker' : 'DedicatedWorker';
  const parents = new Map(numbers('/proc').map(id => [Number(id), Number(stat(`/proc/${id}`)?.parts[1])]));
  const own = new Set([page.browser().process().pid]);
  for (let before = 0; before < own.size;) {
    before = own.size;
    for (const [id, parent] of parents) if (own.has(parent)) own.add(id);
  }
  let ticks = 0;
  for (const id of own) {
    for (const thread of numbers(`/proc/${id}/task`)) {
      const found = stat(`/proc/${id}/task/${thread}`);
      if (found?.name === wanted) ticks += Number(found.parts[11]) + Number(found.parts[12]);
    }
  }
  return (ticks / TICKS) * 1_000;
}
