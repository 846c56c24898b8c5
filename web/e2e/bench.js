// node bench.js --binary <sotto> [--json]: what a person waits for, and what it weighs.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as on from './page.js';
import { password, text, username } from './names.js';
import { Suite } from './suite.js';
import { until } from './until.js';

const { values } = parseArgs({ allowPositionals: true, options: { binary: { type: 'string' }, report: { type: 'string' }, json: { type: 'boolean' }, browser: { type: 'string', default: 'chromium' } } });
const rows = {};
const row = (name, value, unit) => { rows[name] = { value: Number(value.toFixed(value < 10 ? 2 : 0)), unit, floor: null, ratio: null }; };
const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
const timed = async work => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};
/** Bytes of the process itself in memory, without what it shares with the disk cache. */
const anonymous = pid => Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Anonymous:\s+(\d+) kB/m)?.[1] ?? 0) / 1024;

const suite = await new Suite({ kind: values.browser, binary: values.binary }).open();
const world = suite.world();
try {
  await world.open();
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
    if (values.browser === 'chromium') weight = await until('all files to have come', async () => {
      const loaded = () => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(one => [one.name, one.transferSize]);
      const all = (await Promise.all([page, ...page.workers()].map(one => one.evaluate(loaded)))).flat();
      return all.some(([name]) => name.endsWith('.wasm')) && all.reduce((sum, [, size]) => sum + size, 0);
    });
    await own.context.close();
  }
  row('browser: address to usable form, p50', at(visits.sort((a, b) => a - b), 0.5), 'ms');
  if (weight) row('browser: bytes to load, all of it', weight, 'bytes');

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
    await on.shown(ben.page, said);
    const pressed = await page.evaluate(() => globalThis.pressed);
    own_.push((await page.evaluate(word => globalThis.seen.get(word), said)) - pressed);
    there.push((await ben.page.evaluate(word => globalThis.seen.get(word), said)) - pressed);
  }
  for (const [what, list] of [['own screen', own_], ['the other screen', there]]) {
    list.sort((a, b) => a - b);
    row(`browser: Enter to ${what}, p50`, at(list, 0.5), 'ms');
    row(`browser: Enter to ${what}, p99`, at(list, 0.99), 'ms');
  }
  row('server: memory at rest, fresh', idle, 'MiB');
  row('server: memory after this run', anonymous(world.server.pid), 'MiB');
} finally {
  await world.close();
  await suite.close();
}
if (values.json) console.log(JSON.stringify(rows));
else for (const [name, { value, unit }] of Object.entries(rows)) console.log(`${name.padEnd(48)} ${value} ${unit}`);
