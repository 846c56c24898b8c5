// node shots.js --binary <sotto>: every screen at 360 and 1280 pixels, light and dark, into docs/shots.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Suite } from './suite.js';

const { values } = parseArgs({ allowPositionals: true, options: { binary: { type: 'string' }, report: { type: 'string' } } });
const folder = fileURLToPath(new URL('../../docs/shots/', import.meta.url));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const suite = await new Suite({ kind: 'chromium', binary: values.binary }).open();
const world = suite.world();
let count = 0;
try {
  await world.open();
  await (await import('./tour.js')).tour(world, async (screen, page) => {
    const old = page.viewport();
    for (const [width, height] of [[360, 740], [1280, 800]]) {
      await page.setViewport({ width, height });
      for (const theme of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
        await page.screenshot({ path: `${folder}${screen}-${width}-${theme}.png`, optimizeForSpeed: false });
        count += 1;
      }
    }
    await page.setViewport(old ?? { width: 1280, height: 800 });
    await page.emulateMediaFeatures([]);
  }, { plain: true });
} finally {
  await world.close();
  await suite.close();
}
console.log(`${count} pictures in docs/shots`);
