// node bench.js --binary <sotto> --generator <bench> [--json] [--browser firefox] [--only page,core,away]
// What a person waits for, what it weighs, and what the core costs in the browser. A row that is missing is an error.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as away from './bench/away.js';
import * as core from './bench/core.js';
import { at, Rows } from './bench/rows.js';
import * as on from './page.js';
import { password, text, username } from './names.js';
import { Suite } from './suite.js';
import { until } from './until.js';

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    binary: { type: 'string' }, generator: { type: 'string' }, report: { type: 'string' }, json: { type: 'boolean' },
    browser: { type: 'string', default: 'chromium' }, only: { type: 'string', default: 'page,core,away' },
  },
});
const kind = values.browser;
const rows = new Rows();
const row = (...given) => rows.put(...given);
const timed = async work => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};
/** Bytes of the process itself in memory, without what it shares with the disk cache. */
const anonymous = pid => Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Anonymous:\s+(\d+) kB/m)?.[1] ?? 0) / 1024;

/** What a person waits for, and what it weighs. */
const PAGE = [
  'browser: address to usable form, p50', 'browser: register, to the kit', 'browser: log in, to the main page', 'browser: start a conversation, to the box',
  'browser: Enter to own screen, p50', 'browser: Enter to own screen, p99', 'browser: Enter to the other screen, p50', 'browser: Enter to the other screen, p99',
  'server: memory at rest, fresh', 'server: memory after this run', ...(kind === 'chromium' ? ['browser: bytes to load, all of it'] : []),
];
async function measurePage(world) {
  const idle = anonymous(world.server.pid);
  const visits = [];
  let weight = 0;
  for (let round = 0; round < 5; round += 1) {
    const own = await world.newBrowser();
    const page = await own.tab();
    await page.evaluateOnNewDocument(() => {
      const look = () => { if (document.querySelector('input[type=password]')) globalThis.usable ??= performance.now(); };
      new MutationObserver(look).observe(document, { childList: true, subtree: true });
    });
    await on.go(page, own.url, '/login');
    visits.push(await until('the form', () => page.evaluate(() => globalThis.usable)));
    // Only Chromium says what a worker has loaded.
    if (kind === 'chromium') weight = await until('all files to have come', async () => {
      const loaded = () => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(one => [one.name, one.transferSize]);
      const all = (await Promise.all([page, ...page.workers()].map(one => one.evaluate(loaded)))).flat();
      return all.some(([name]) => name.endsWith('.wasm')) && all.reduce((sum, [, size]) => sum + size, 0);
    });
    await own.context.close();
  }
  row('browser: address to usable form, p50', at(visits, 0.5), 'ms');
  if (weight) row('browser: bytes to load, all of it', weight, 'bytes', 900_000);

  const own = await world.ownBrowser();
  const page = await own.tab();
  const [name, secret] = [username('ann'), password()];
  await on.go(page, own.url, '/register');
  await on.fill(page, 'Username', name);
  await on.fill(page, 'Password', secret);
  row('browser: register, to the kit', await timed(async () => {
    await on.click(page, 'button', 'Create account');
    await on.find(page, 'dialog', 'Recovery kit', { within: 60_000, every: 5 });
  }), 'ms');
  await on.click(page, 'button', 'I have saved it');
  const ben = await world.person('ben', { profile: true });

  const second = await world.ownBrowser();
  const other = await second.tab();
  await on.go(other, second.url, '/login');
  await on.fill(other, 'Username', ben.name);
  await on.fill(other, 'Password', ben.password);
  row('browser: log in, to the main page', await timed(async () => {
    await on.click(other, 'button', 'Log in');
    await on.find(other, 'button', 'New chat', { within: 60_000, every: 5 });
  }), 'ms');
  await other.close();

  await on.nameChat(page, ben.name);
  // In the page: finding things by their names takes longer in Firefox than the page does.
  await page.evaluate(() => {
    addEventListener('submit', () => { globalThis.started = performance.now(); }, { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!document.querySelector('form textarea')) return;
      globalThis.boxed = performance.now();
      observer.disconnect();
    }).observe(document.body, { childList: true, subtree: true });
  });
  await on.pressStart(page);
  row('browser: start a conversation, to the box', await page.evaluate(() => globalThis.boxed - globalThis.started), 'ms');
  await on.openChat(ben.page, name);
  const watch = one => one.evaluate(() => {
    globalThis.seen = new Map();
    new MutationObserver(() => {
      for (const node of document.querySelectorAll('[role=log] article .body p')) if (!globalThis.seen.has(node.textContent)) globalThis.seen.set(node.textContent, performance.timeOrigin + performance.now());
    }).observe(document.body, { childList: true, subtree: true });
    addEventListener('keydown', event => { if (event.key === 'Enter') globalThis.pressed = performance.timeOrigin + performance.now(); }, true);
  });
  await Promise.all([watch(page), watch(ben.page)]);
  const [own_, there] = [[], []];
  for (let round = 0; round < 100; round += 1) {
    const said = text('bench');
    await on.send(page, said);
    await Promise.all([on.shown(ben.page, said), on.shown(page, said)]);
    const pressed = await page.evaluate(() => globalThis.pressed);
    own_.push((await page.evaluate(word => globalThis.seen.get(word), said)) - pressed);
    there.push((await ben.page.evaluate(word => globalThis.seen.get(word), said)) - pressed);
  }
  for (const [what, list] of [['own screen', own_], ['the other screen', there]]) {
    row(`browser: Enter to ${what}, p50`, at(list, 0.5), 'ms', what === 'the other screen' ? 30 : null);
    row(`browser: Enter to ${what}, p99`, at(list, 0.99), 'ms', what === 'the other screen' ? 150 : null);
  }
  row('server: memory at rest, fresh', idle, 'MiB');
  row('server: memory after this run', anonymous(world.server.pid), 'MiB');
}

const parts = {
  page: { names: PAGE, measure: measurePage },
  core: { names: core.NAMES, measure: world => core.measure(world, rows) },
  away: { names: away.NAMES, measure: world => away.measure(world, values.generator, rows) },
};

const suite = await new Suite({ kind, binary: values.binary }).open();
// Limits that would be measured instead of what they protect are out of the way.
const config = join(suite.folder, 'bench.toml');
writeFileSync(config, '[limits]\nrows_per_second = 1000000\nrows_at_once = 1000000\n');
const faults = [];
for (const name of values.only.split(',')) {
  if (!parts[name]) throw new Error(`no part ${name}; there are ${Object.keys(parts)}`);
  rows.expect(...parts[name].names);
  const world = suite.world();
  try {
    await world.open({ options: ['--config', config] });
    await parts[name].measure(world);
  } catch (error) {
    faults.push(`${name}: ${error.stack ?? error}`);
  } finally {
    await world.close();
  }
}
await suite.close();
faults.push(...rows.print(values.json));
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
