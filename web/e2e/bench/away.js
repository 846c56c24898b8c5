// Ten thousand messages for a browser that was away: from its address to the last one on the screen, all of them readable.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as on from '../page.js';
import { username } from '../names.js';
import { until, within } from '../until.js';
import { worked } from './worked.js';

export const COUNT = 10_000;
export const NAMES = [`browser: ${COUNT} messages that came meanwhile, to the last`, 'browser: of these a second', 'browser: processor time of the core for one of these'];
const PATIENCE = 300_000;

/** A native core with an account of its own, which says one thing, and all the rest when it is told to. */
class Writer {
  constructor(generator, server, name, to) {
    const words = ['write', '--server', `127.0.0.1:${server.ports[0]}`, '--authority', server.authority, '--as', name, '--to', to, '--count', String(COUNT)];
    this.child = spawn(generator, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async says() {
    const { value } = await within(PATIENCE, 'the writer', this.lines.next());
    if (!value) throw new Error('the writer ended');
    return JSON.parse(value);
  }

  goOn() {
    this.child.stdin.end('go on\n');
  }
}

/** Runs in the page before anything else. */
function watch(wanted) {
  new MutationObserver(() => {
    if (globalThis.last) return;
    const texts = document.querySelectorAll('[role=log] article .body p');
    if (texts[texts.length - 1]?.textContent === wanted) globalThis.last = performance.now();
  }).observe(document, { childList: true, subtree: true, characterData: true });
}

export async function measure(world, generator, rows) {
  const ben = await world.person('ben', { profile: true, stay: true });
  const name = username('cat');
  const writer = new Writer(generator, world.server, name, ben.name);
  try {
    const { first, last } = await writer.says();
    await on.openChat(ben.page, name);
    await on.shown(ben.page, first);
    const address = ben.page.url();
    await ben.page.close();
    writer.goOn();
    const { seconds } = await writer.says();
    console.error(`  ${COUNT} messages written by a native core in ${seconds.toFixed(1)} s`);

    const page = await ben.tab();
    await page.evaluateOnNewDocument(watch, last);
    const before = worked(page);
    await page.goto(address, { waitUntil: 'domcontentloaded' });
    const took = await until('the last message', () => page.evaluate(() => globalThis.last), { within: PATIENCE });
    rows.put(NAMES[2], (worked(page) - before) / COUNT, 'ms');
    rows.put(NAMES[0], took, 'ms', 5_000);
    rows.put(NAMES[1], (COUNT / took) * 1_000, '/s');
    const counts = await on.countAll(page, { within: PATIENCE });
    const texts = [...counts].filter(([said]) => /^message \d{6} /.test(said));
    if (texts.length !== COUNT + 1 || texts.some(([, count]) => count !== 1)) throw new Error(`${texts.length} of ${COUNT + 1} can be read`);
  } finally {
    writer.child.kill('SIGKILL');
  }
}
