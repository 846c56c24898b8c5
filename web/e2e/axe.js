// The rules of axe-core, run in the page as it stands.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function run(page) {
  const there = await page.evaluate(() => typeof globalThis.axe === 'object');
  if (!there) await page.evaluate(source);
  return page.evaluate(async () => {
    // What fades in has the contrast of its end only there.
    const finite = document.getAnimations().filter(one => Number.isFinite(one.effect.getComputedTiming().endTime));
    await Promise.all(finite.map(one => one.finished.catch(() => {})));
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(rule => rule.nodes.map(node => `${rule.id} at ${node.target.join(' ')} (${node.any.concat(node.all, node.none)[0]?.message ?? rule.help})`));
  });
}

/** What axe has to say about this screen; in Chromium in both themes and at the width of a phone too. */
export async function violations(page, kind) {
  if (kind !== 'chromium') return run(page);
  const found = new Set();
  const old = page.viewport();
  for (const [width, theme] of [[1280, 'light'], [1280, 'dark'], [360, 'light']]) {
    await page.setViewport({ width, height: 800 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
    for (const one of await run(page)) found.add(`${width} ${theme}: ${one}`);
  }
  await page.setViewport(old ?? { width: 1280, height: 800 });
  await page.emulateMediaFeatures([]);
  return [...found];
}
