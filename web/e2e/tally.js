// What the suites here share: finding their cases, running them, counting.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from './until.js';

/** The cases of one folder for this browser whose file and name contain the filter. */
export async function casesIn(folder, kind, filter) {
  const cases = [];
  for (const file of readdirSync(folder).filter(name => name.endsWith('.js')).sort()) {
    for (const one of (await import(new URL(file, folder))).default) cases.push({ file, ...one });
  }
  return cases.filter(one => (!one.only || one.only === kind) && `${one.file} ${one.name}`.includes(filter));
}

/** What the pages showed when it went wrong, and `log`. */
export async function remember(browser, folder, name, log) {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, name.replaceAll(/\W+/g, '-'));
  const pages = (await Promise.all(browser.browserContexts().map(context => context.pages()))).flat();
  await Promise.all(pages.map(async (page, place) => {
    await within(5_000, 'a picture', page.screenshot({ path: `${base}-${place}.png` })).catch(() => {});
    const text = await within(2_000, 'the text', page.evaluate(() => `${location.href}\n${document.documentElement.outerHTML}`)).catch(String);
    writeFileSync(`${base}-${place}.html`, text);
  }));
  writeFileSync(`${base}.log`, log);
}

/** One more try where a wait ran out; says how it went. */
async function tryCase(one, { judge, fresh, connected }) {
  const began = performance.now();
  let fault = await judge(one);
  let unsteady = null;
  // A wait that ran out may be a slow machine: it is tried once more and said. A broken promise (something missing, doubled,
  // readable, asked elsewhere) is never tried again.
  if (fault && /^(not within \d+ ms|Navigation timeout|Waiting failed|.*timed out)/.test(String(fault.message))) {
    unsteady = String(fault.message).slice(0, 200);
    await fresh();
    fault = await judge(one);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (fault || !connected()) await fresh();
  return { fault, unsteady, seconds };
}

/**
 * Runs every case once. Each lane `{ judge, fresh, connected }` has a browser of its own and takes the next case as soon as it is
 * free, those that may take longest first; no case knows what ran before it or runs beside it. A case that measures time is
 * `alone`: it comes when all the others are done. `judge(one)` returns what was wrong, or null; `fresh()` makes a new browser.
 * Ends with `title: N passed, M failed` and returns whether there was something to pass and all of it did.
 */
export async function runAll({ title, cases, lanes, failures }) {
  let passed = 0;
  let unsteady = 0;
  const failed = [];
  const run = async (one, lane) => {
    const end = await tryCase(one, lane);
    if (end.unsteady) {
      console.log(`unsteady  ${one.name}: ${end.unsteady}`);
      unsteady += 1;
    }
    if (end.fault) {
      failed.push(one.name);
      console.log(`not ok  ${one.name} (${end.seconds} s)\n        ${String(end.fault.stack ?? end.fault).replaceAll('\n', '\n        ')}`);
    } else {
      passed += 1;
      console.log(`ok      ${one.name} (${end.seconds} s)`);
    }
  };
  const waiting = cases.filter(one => !one.alone).sort((one, other) => (other.limit ?? 0) - (one.limit ?? 0));
  await Promise.all(lanes.map(async lane => {
    for (let one = waiting.shift(); one; one = waiting.shift()) await run(one, lane);
  }));
  for (const one of cases.filter(other => other.alone)) await run(one, lanes[0]);
  if (failed.length) console.log(`${title}: failed: ${failed.join('; ')}; pictures and logs: ${failures}`);
  if (unsteady) console.log(`${title}: ${unsteady} tried twice because a wait ran out`);
  console.log(`${title}: ${passed} passed, ${failed.length} failed`);
  return passed > 0 && failed.length === 0;
}
