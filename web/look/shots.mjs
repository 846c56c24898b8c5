// node look/shots.mjs [name…]   Pictures of every screen into look/shots. Needs `npm run look` first. CHROMIUM names the browser.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import puppeteer from 'puppeteer-core';
import { sight } from '../e2e/sight.js';
import { serve } from './serve.mjs';

const at = path => fileURLToPath(new URL(path, import.meta.url));
const { server, base } = await serve(at('dist'));
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const c = n => `/c/${n.toString(16).padStart(32, '0')}`;
/** Until this stands there. */
const says = (page, selector, words) => page.waitForFunction((where, wanted) => document.querySelector(where)?.innerText.includes(wanted), {}, selector, words);
/** Until the fonts are there, nothing is on its way to another place, and two pictures in a row show the same. */
async function settled() {
  await document.fonts.ready;
  await Promise.all(document.getAnimations().filter(one => Number.isFinite(one.effect.getComputedTiming().endTime)).map(one => one.finished.catch(() => {})));
  await sight.rest();
}
const pages = {
  login: ['login', '/login'], register: ['login', '/register', async p => { await p.type('input[name=username]', 'nora'); await p.type('input[name=password]', 'quietriver7'); }],
  'register-bad': ['login', '/register', async p => { await p.type('input[name=username]', 'n!'); await p.type('input[name=password]', 'quiet'); await p.click('button[type=submit]'); }],
  recover: ['login', '/recover', async p => { await p.type('input[name=kit]', '7K2M Q9XD 04TB HW6R'); await p.click('button[type=submit]'); }],
  locked: ['locked', '/', async p => { await p.type('input[name=password]', 'wrong'); await p.click('button[type=submit]'); await says(p, 'form', 'not right'); }],
  starting: ['starting', c(11)],
  main: ['main', c(11)], list: ['main', '/'], empty: ['empty', '/'], note: ['empty', c(10)], kit: ['kit', c(11)], offline: ['offline', c(11), p => says(p, 'body', 'Offline')], ended: ['ended', c(11)], held: ['held', c(11)], memory: ['memory', '/'],
  safety: ['held', c(11), p => p.click('[aria-label="Safety number"]')], settings: ['main', '/settings'],
  logout: ['main', '/settings', async p => { await p.click('.page .btn:nth-of-type(2)'); await p.click('[value=erase]'); }],
  'new-chat': ['main', c(11), async p => { await p.evaluate(() => document.querySelector('[aria-label="New chat"]').click()); await p.type('dialog input', 'nobody'); await p.keyboard.press('Enter'); await says(p, 'dialog', 'Nobody here is called'); }],
  older: ['long', c(11), async p => { await p.evaluate(() => { document.querySelector('.log').scrollTop -= 600; }); await p.waitForSelector('.jump'); }],
  nowhere: ['main', '/c/' + 'a'.repeat(32)],
};
const want = process.argv.slice(2);
mkdirSync(at('shots'), { recursive: true });
for (const [name, [scene, path, act]] of Object.entries(pages)) {
  if (want.length && !want.includes(name)) continue;
  for (const [width, height] of [[360, 740], [1280, 800]]) for (const theme of ['light', 'dark']) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.on('console', m => { if (['error', 'warn'].includes(m.type()) && !m.text().includes("destination 'style'")) console.log(name, width, theme, m.text().slice(0, 300)); });
    page.on('pageerror', e => console.log(name, 'page error', e.message?.slice(0, 300)));
    await page.setViewport({ width, height, hasTouch: width < 600, isMobile: width < 600 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
    await page.evaluateOnNewDocument(() => { try { localStorage.setItem('sotto.seen', '1'); } catch { /* about:blank */ } });
    await page.evaluateOnNewDocument(sight);
    await page.goto(`${base}${path}?scene=${scene}`, { waitUntil: 'networkidle0' });
    if (act) try { await act(page); } catch (e) { console.log(name, 'act', e.message.slice(0, 200)); }
    await page.evaluate(settled);
    await page.screenshot({ path: at(`shots/${name}-${width}-${theme}.png`) });
    if (theme === 'light') {
      await page.setBypassCSP(true);
      const world = await page.mainFrame().isolatedRealm?.() ?? page;
      await world.evaluate(axe.source);
      const { violations } = await world.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
      for (const v of violations) console.log(name, width, 'axe', v.impact, v.id, v.nodes.length, v.nodes[0].target.join(' ').slice(0, 100), v.nodes[0].any[0]?.message?.slice(0, 120) ?? '');
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) console.log(name, width, 'overflows by', wide);
    }
    await context.close();
  }
}
await browser.close();
server.close();
