// node screens.js --browser chromium|firefox [--report <folder>] [filter]
// How the screens behave over a canned core: what stays in place, what is kept, where the focus goes. Needs `npm run look` first.
// Runs every case in one browser and ends with `screens chromium: N passed, M failed`. No case at all is a failure too.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serve } from '../look/serve.mjs';
import { launch, quit } from './browser.js';
import { Canned, FOLDER } from './canned.js';
import { casesIn, remember, runAll } from './tally.js';
import { within } from './until.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { browser: { type: 'string' }, report: { type: 'string' } } });
const { browser: kind, report } = values;
const title = `screens ${kind}`;
const failures = join(report ?? tmpdir(), 'failures', `screens-${kind}`);
const folder = mkdtempSync(join(tmpdir(), 'sotto-screens-'));
const { server, base } = await serve(FOLDER);

let browsers = 0;
const start = () => launch(kind, { folder: join(folder, `browser-${browsers += 1}`), authority: null });
let browser = await start();

/** Runs one case; returns what was wrong, or null. */
async function judge(one) {
  const canned = new Canned({ browser, kind, url: base });
  let fault = null;
  try {
    await within(30_000, `the case "${one.name}"`, one.run(canned));
    canned.check();
  } catch (error) {
    fault = error;
    await remember(browser, failures, one.name, canned.complaints.join('\n')).catch(() => {});
  }
  await within(10_000, 'tidying up', canned.close()).catch(error => { fault ??= error; });
  return fault;
}

async function fresh() {
  await quit(browser);
  browser = await start();
}

console.log(`${title}: ${await browser.version()}`);
const cases = await casesIn(new URL('screens/', import.meta.url), kind, positionals[0] ?? '');
const good = await runAll({ title, cases, lanes: [{ judge, fresh, connected: () => browser.connected }], failures });
await quit(browser);
server.close();
rmSync(folder, { recursive: true, force: true });
process.exit(good ? 0 : 1);
