// node run.js --browser chromium|firefox --binary <sotto> [--plant <tool>] [--report <folder>] [filter]
// Runs every case in one browser and ends with `chromium: N passed, M failed`. No case at all is a failure too.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SEED } from './random.js';
import { Suite } from './suite.js';
import { within } from './until.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { browser: { type: 'string' }, binary: { type: 'string' }, plant: { type: 'string' }, report: { type: 'string' } } });
const { browser: kind, binary, plant, report } = values;
const filter = positionals[0] ?? '';
const suite = await new Suite({ kind, binary, plant }).open();
const failures = join(report ?? tmpdir(), 'failures', kind);

const cases = [];
for (const file of readdirSync(new URL('cases/', import.meta.url)).filter(name => name.endsWith('.js')).sort()) {
  for (const one of (await import(`./cases/${file}`)).default) cases.push({ file, ...one });
}
const wanted = cases.filter(one => (!one.only || one.only === kind) && `${one.file} ${one.name}`.includes(filter));

/** What the pages showed and the server said when it went wrong. */
async function remember(world, name) {
  mkdirSync(failures, { recursive: true });
  const base = join(failures, name.replaceAll(/\W+/g, '-'));
  const pages = (await Promise.all(world.browser.browserContexts().map(context => context.pages()))).flat();
  await Promise.all(pages.map(async (page, place) => {
    await within(5_000, 'a picture', page.screenshot({ path: `${base}-${place}.png` })).catch(() => {});
    const text = await within(2_000, 'the text', page.evaluate(() => `${location.href}\n${document.documentElement.outerHTML}`)).catch(String);
    writeFileSync(`${base}-${place}.html`, text);
  }));
  writeFileSync(`${base}.log`, `${world.complaints.join('\n')}\n\n${world.server?.output() ?? ''}`);
}

/** Runs one case; returns what was wrong, or null. */
async function judge(one) {
  const world = suite.world();
  const asked = suite.foreign.asked.length;
  let fault = null;
  try {
    await within(one.limit ?? 90_000, `the case "${one.name}"`, (async () => {
      await world.open(one.world);
      await one.run(world);
      await world.check();
    })());
    const elsewhere = suite.foreign.asked.slice(asked).filter(host => !host.includes('planted') && !host.startsWith('elsewhere.example'));
    if (elsewhere.length) throw new Error(`asked elsewhere: ${elsewhere.slice(0, 5).join(', ')}`);
  } catch (error) {
    fault = error;
    await remember(world, one.name).catch(() => {});
  }
  await within(20_000, 'tidying up', world.close()).catch(error => { fault ??= error; });
  return fault;
}

let passed = 0;
let unsteady = 0;
const failed = [];
console.log(`${kind}: ${await suite.browser.version()}, seed ${SEED}`);
for (const one of wanted) {
  if (one.needs && !values[one.needs]) {
    console.log(`absent  ${one.name} (no --${one.needs})`);
    continue;
  }
  const began = performance.now();
  let fault = await judge(one);
  // A wait that ran out may be a slow machine: it is tried once more and said. A broken promise (something missing, doubled,
  // readable, asked elsewhere) is never tried again.
  if (fault && /^(not within \d+ ms|Navigation timeout|Waiting failed|.*timed out)/.test(String(fault.message))) {
    console.log(`unsteady  ${one.name}: ${String(fault.message).slice(0, 200)}`);
    unsteady += 1;
    await suite.fresh();
    fault = await judge(one);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (fault) {
    failed.push(one.name);
    console.log(`not ok  ${one.name} (${seconds} s)\n        ${String(fault.stack ?? fault).replaceAll('\n', '\n        ')}`);
  } else {
    passed += 1;
    console.log(`ok      ${one.name} (${seconds} s)`);
  }
  if (fault || !suite.browser.connected) await suite.fresh();
}

if (report && !filter) {
  mkdirSync(join(report, 'readable'), { recursive: true });
  writeFileSync(join(report, 'readable', `${kind}.txt`), suite.report.text());
}
await suite.close();
if (failed.length) console.log(`${kind}: failed: ${failed.join('; ')}; pictures and logs: ${failures}`);
if (unsteady) console.log(`${kind}: ${unsteady} tried twice because a wait ran out`);
console.log(`${kind}: ${passed} passed, ${failed.length} failed`);
process.exit(passed > 0 && failed.length === 0 ? 0 : 1);
