// node run.js --browser chromium|firefox --binary <sotto> [--plant <tool>] [--report <folder>] [filter]
// Runs every case in one kind of browser, two at a time, and ends with `chromium: N passed, M failed`. No case at all is a failure too.
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SEED } from './random.js';
import { Suite } from './suite.js';
import { casesIn, remember, runAll } from './tally.js';
import { within } from './until.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { browser: { type: 'string' }, binary: { type: 'string' }, plant: { type: 'string' }, report: { type: 'string' } } });
const { browser: kind, binary, plant, report } = values;
const filter = positionals[0] ?? '';
const suite = await new Suite({ kind, binary, plant }).open();
// Half of most cases is waiting for a timer, a disk or the other side: two of them fill two cores.
const suites = [suite, await suite.beside()];
const failures = join(report ?? tmpdir(), 'failures', kind);

const cases = await casesIn(new URL('cases/', import.meta.url), kind, filter);

/** Runs one case in the browser of `own`; returns what was wrong, or null. */
async function judge(one, own) {
  const world = own.world();
  const asked = own.foreign.asked.length;
  let fault = null;
  try {
    // A limit is meant for a case that has the machine to itself.
    await within((one.limit ?? 90_000) * suites.length, `the case "${one.name}"`, (async () => {
      await world.open(one.world);
      await one.run(world);
      await world.check();
    })());
    const elsewhere = own.foreign.asked.slice(asked).filter(host => !host.includes('planted') && !host.startsWith('elsewhere.example'));
    if (elsewhere.length) throw new Error(`asked elsewhere: ${elsewhere.slice(0, 5).join(', ')}`);
  } catch (error) {
    fault = error;
    await remember(world.browser, failures, one.name, `${world.complaints.join('\n')}\n\n${world.server?.output() ?? ''}`).catch(() => {});
  }
  await within(20_000, 'tidying up', world.close()).catch(error => { fault ??= error; });
  for (const line of world.notes) console.log(`        ${one.name}: ${line}`);
  return fault;
}

console.log(`${kind}: ${await suite.browser.version()}, seed ${SEED}`);
const able = cases.filter(one => {
  const missing = one.needs && !values[one.needs];
  if (missing) console.log(`absent  ${one.name} (no --${one.needs})`);
  return !missing;
});
const lanes = suites.map(own => ({ judge: one => judge(one, own), fresh: () => own.fresh(), connected: () => own.browser.connected }));
const good = await runAll({ title: kind, cases: able, lanes, failures });

if (report && !filter) {
  mkdirSync(join(report, 'readable'), { recursive: true });
  writeFileSync(join(report, 'readable', `${kind}.txt`), suite.report.text());
}
for (const own of suites) await own.close();
process.exit(good ? 0 : 1);
