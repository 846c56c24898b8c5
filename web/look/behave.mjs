// node look/behave.mjs   Tries how the screens behave over the canned core: places kept, windows bounded, focus, drafts, guards,
// refused files. Needs `npm run look` first; CHROMIUM names the browser. What the whole product does is tried in e2e.
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { serve } from './serve.mjs';

const dist = fileURLToPath(new URL('dist', import.meta.url));
const { server, base } = await serve(dist);
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const c = n => `/c/${n.toString(16).padStart(32, '0')}`;
const sleep = ms => new Promise(r => setTimeout(r, ms));
let bad = 0;
const ok = (name, v, extra = '') => { if (!v) bad++; console.log(v ? 'ok  ' : 'BAD ', name, v ? '' : extra); };
async function open(scene, path, w = 1280, h = 800) {
  const ctx = await browser.createBrowserContext(); const p = await ctx.newPage(); await p.setViewport({ width: w, height: h });
  p.on('pageerror', e => ok('page error', false, e.message)); p.on('console', m => { if (m.type() === 'error' && !m.text().includes("'style'")) ok('console', false, m.text()); });
  await p.goto(`${base}${path}?scene=${scene}`, { waitUntil: 'networkidle0' }); await sleep(200); return p;
}
const gap = p => p.evaluate(() => { const l = document.querySelector('.log'); return l.scrollHeight - l.scrollTop - l.clientHeight; });
const top1 = p => p.evaluate(() => { const l = document.querySelector('.log').getBoundingClientRect(); const m = [...document.querySelectorAll('.msg')].find(x => x.getBoundingClientRect().bottom > l.top + 60); return [m.id, Math.round(m.getBoundingClientRect().top)]; });
// long
let p = await open('long', c(11));
ok('lands at new line', (await p.$$('.day.new')).length === 1);
await p.evaluate(() => [...document.querySelectorAll('.jump')].forEach(b => b.click())); await sleep(150);
ok('at end', (await gap(p)) < 4, await gap(p));
await p.evaluate(() => mock.hear('one more')); await sleep(100);
ok('stays at end', (await gap(p)) < 4, await gap(p));
await p.evaluate(() => { document.querySelector('.log').scrollTop -= 700; }); await sleep(200);
let t0 = await top1(p);
await p.evaluate(() => { for (let i = 0; i < 5; i++) mock.hear('below ' + i); }); await sleep(200);
ok('scrolled up, nothing moves', JSON.stringify(t0) === JSON.stringify(await top1(p)), JSON.stringify([t0, await top1(p)]));
ok('jump says 5', (await p.$eval('.jump', e => e.textContent)).includes('5'), await p.$eval('.jump', e => e.textContent + '|' + e.getAttribute('aria-label')));
for (let i = 0; i < 30; i++) { await p.evaluate(() => { document.querySelector('.log').scrollTop -= 1500; }); await sleep(40); }
ok('rows bounded', (await p.$$('.msg')).length <= 260, (await p.$$('.msg')).length);
const dupes = await p.evaluate(() => { const ids = [...document.querySelectorAll('.msg')].map(x => x.id); return ids.length - new Set(ids).size; });
ok('no doubles', dupes === 0);
// going up step by step keeps what one reads
await sleep(300); 
let moved = 0; for (let i = 0; i < 25; i++) { const a = await top1(p); await p.evaluate(() => { document.querySelector('.log').scrollTop -= 200; }); await sleep(60); const b = await p.evaluate(id => Math.round(document.getElementById(id)?.getBoundingClientRect().top ?? -1e6), a[0]); if (Math.abs(b - a[1] - 200) > 3) moved++; }
ok('scrolling up is even', moved === 0, moved);
moved = 0; for (let i = 0; i < 25; i++) { const a = await top1(p); await p.evaluate(() => { document.querySelector('.log').scrollTop += 200; }); await sleep(60); const b = await p.evaluate(id => Math.round(document.getElementById(id)?.getBoundingClientRect().top ?? -1e6), a[0]); if (Math.abs(b - a[1] + 200) > 3) moved++; }
ok('scrolling down is even', moved === 0, moved);
await p.evaluate(() => document.querySelector(".jump").click()); await sleep(300); await p.evaluate(() => { document.querySelector(".log").scrollTop -= 1800; }); await sleep(300); const place = await top1(p);
await p.click(`a[href="${c(12)}"]`); await sleep(300); await p.goBack(); await sleep(400);
ok('place kept', JSON.stringify(place) === JSON.stringify(await top1(p)), JSON.stringify([place, await top1(p)]));
for (let i = 0; i < 6; i++) await p.evaluate(() => [...document.querySelectorAll('.jump')].forEach(b => b.click())); await sleep(200);
ok('jump to end', (await gap(p)) < 4, await gap(p));
// compose
await p.type('textarea', 'hello there'); ok('send enabled', await p.$eval('[aria-label=Send]', e => !e.disabled));
await p.keyboard.down('Shift'); await p.keyboard.press('Enter'); await p.keyboard.up('Shift'); await p.keyboard.type('line 2'); await p.keyboard.press('Enter'); await sleep(100);
ok('sent', await p.evaluate(() => [...document.querySelectorAll('article')].at(-1).textContent.includes('hello there\nline 2')), await p.evaluate(() => [...document.querySelectorAll('article')].at(-1).innerText));
ok('box empty', (await p.$eval('textarea', e => e.value)) === '');
ok('still at end', (await gap(p)) < 4); await sleep(1500);
ok('read', (await p.evaluate(() => [...document.querySelectorAll('article')].at(-1).innerText)).includes('Read'));
await p.type('textarea', 'fast'); await p.keyboard.press('Enter'); await sleep(200);
ok('too fast keeps', (await p.$eval('textarea', e => e.value)) === 'fast', await p.$eval('.hint', e => e.textContent));
await p.$eval('textarea', e => { e.value = 'x'.repeat(61204); e.dispatchEvent(new Event('input', { bubbles: true })); }); await sleep(100);
ok('too long told', (await p.$eval('.hint', e => e.textContent)).startsWith('1,204'), await p.$eval('.hint', e => e.textContent));
await p.$eval('textarea', e => { e.value = 'my draft'; e.dispatchEvent(new Event('input', { bubbles: true })); }); await sleep(400);
await p.click(`a[href="${c(12)}"]`); await sleep(200);
ok('draft in list', (await p.$eval(`a[href="${c(11)}"]`, e => e.innerText)).includes('Draft: my draft'));
await p.click(`a[href="${c(11)}"]`); await sleep(300); ok('draft back', (await p.$eval('textarea', e => e.value)) === 'my draft');
// typing anywhere
await p.evaluate(() => document.activeElement.blur()); await p.keyboard.type('zz'); ok('typing anywhere', (await p.$eval('textarea', e => e.value)).includes('zz'));
// keyboard list
await p.evaluate(() => [...document.querySelectorAll('.msg')].find(m => m.tabIndex === 0).focus()); await p.keyboard.press('ArrowUp'); await p.keyboard.press('ArrowUp');
ok('one tab stop', (await p.$$eval('.msg[tabindex="0"]', l => l.length)) === 1, await p.evaluate(() => document.activeElement.id));
ok('ax name', true, await p.evaluate(() => (document.activeElement.getAttribute('aria-labelledby') ?? '').split(' ').map(i => document.getElementById(i)?.textContent.trim().replace(/\s+/g, ' ')).join(' / ')));
// dialog focus return
await p.focus('[aria-label="New chat"]'); await p.keyboard.press('Enter'); await sleep(150);
ok('dialog focus in', await p.evaluate(() => document.activeElement.name === 'who'), await p.evaluate(() => document.activeElement.outerHTML.slice(0, 80)));
await p.keyboard.type('anna'); await p.keyboard.press('Escape'); await sleep(150);
ok('focus returns', await p.evaluate(() => document.activeElement.getAttribute('aria-label') === 'New chat'), await p.evaluate(() => document.activeElement.outerHTML.slice(0, 80)));
await p.keyboard.press('Enter'); await sleep(100); await p.keyboard.type('anna'); await p.keyboard.press('Enter'); await sleep(600);
ok('new chat opened', p.url().includes('/c/') && (await p.$eval('.talk h2', e => e.textContent)) === 'anna', p.url());
ok('first in list', (await p.$eval('.list a', e => e.innerText)).startsWith('A') , await p.$eval('.list a', e => e.innerText.replace(/\n/g, '|')));
await p.keyboard.type('hi'); await p.keyboard.press('Enter'); await sleep(100); ok('can write at once', (await p.$$('article')).length === 1);
// deep link
const mid = await p.evaluate(() => mock.messages.get('0000000000000000000000000000000b')[4000].id);
p = await open('long', c(11) + '/' + mid); await sleep(800);
ok('deep link', (await p.$$('[data-found]')).length === 1, (await p.$$('.msg')).length); await p.evaluate(() => document.querySelector('.jump').click()); await sleep(200); ok('from deep link to end', (await gap(p)) < 4, await gap(p));
// router
p = await open('login', c(11)); ok('guard', p.url().endsWith('/login'), p.url());
await p.click('a[href="/register"]'); await sleep(50); await p.type('input[name=username]', 'nora'); await p.type('input[name=password]', 'Quiet-river7'); await p.keyboard.press('Enter'); await sleep(600);
ok('lands where asked', p.url().endsWith(c(11)), p.url()); ok('kit', (await p.$$eval('dialog h2', l => l.map(e => e.textContent)))[0] === 'Recovery kit');
await p.keyboard.press('Escape'); await p.keyboard.press('Escape'); await p.keyboard.press('Escape'); await sleep(100); ok('kit stays', (await p.$$('dialog[open]')).length === 1);
await p.emulateMediaType('print'); ok('print shows kit only', await p.evaluate(() => getComputedStyle(document.querySelector('main')).display === 'none' && getComputedStyle(document.querySelector('dialog')).display !== 'none' && getComputedStyle(document.querySelector('dialog .actions')).display === 'none')); await p.emulateMediaType(null);
await p.evaluate(() => [...document.querySelectorAll('dialog button')].find(b => b.textContent.includes('saved')).click()); await sleep(100); ok('kit closed', (await p.$$('dialog')).length === 0);
await p.goto(`${base}/login?scene=login`); await sleep(300); await p.type('input[name=username]', 'nora'); await p.type('input[name=password]', 'wrong'); await p.keyboard.press('Enter'); await sleep(500);
ok('error told', (await p.$eval('[role=alert]:not(#refused)', e => e.textContent)).startsWith('Username or password is not right'));
await p.keyboard.type('Right-1!'); await p.keyboard.press('Enter'); await sleep(500); ok('in', p.url().includes('/c/'), p.url());
ok('title', true, await p.title()); ok('favicon', true, await p.$eval('link[rel=icon]', e => e.href));
// safety pane by keyboard
await p.focus('[aria-label="Safety number"]'); await p.keyboard.press('Enter'); await sleep(150); ok('pane', (await p.$$('.aside')).length === 1); await p.keyboard.press('Escape'); await sleep(150); ok('pane closed', (await p.$$('.aside')).length === 0); ok('focus back', await p.evaluate(() => document.activeElement.getAttribute('aria-label') === 'Safety number'), await p.evaluate(() => document.activeElement.outerHTML.slice(0, 90)));
// connection
await p.evaluate(() => mock.change({ connection: 'offline' })); await sleep(1000); ok('quiet', await p.$eval('[aria-label=Connection]', e => e.dataset.quiet === '')); await p.evaluate(() => mock.change({ waiting: 2 })); await sleep(1300);
ok('told', (await p.$eval('[aria-label=Connection]', e => e.textContent)).includes('2 messages leave'), await p.$eval('[aria-label=Connection]', e => e.textContent.trim())); await p.evaluate(() => mock.change({ connection: 'online' })); await p.evaluate(() => mock.change({ waiting: 0 })); await sleep(100); ok('back', true, await p.$eval('[aria-label=Connection]', e => e.textContent.trim()));
// tamper
for (const [part, want] of [['app-', 'refused'], ['worker-', 'refused'], ['.css', 'refused']]) {
  const s2 = await serve(dist, (path, body) => path.includes(part) && (part !== 'app-' || path.endsWith('.js')) ? Buffer.concat([body, Buffer.from('/**/')]) : body);
  const q = await (await browser.createBrowserContext()).newPage(); await q.goto(s2.base + '/login?scene=login'); await q.waitForFunction(() => document.documentElement.hasAttribute('data-refused'), { timeout: 5000 }).catch(() => {});
  ok('tamper ' + part, await q.evaluate(() => document.documentElement.hasAttribute('data-refused') && !document.getElementById('refused').hidden && document.getElementById('refused').offsetHeight > 0)); s2.server.close();
}
// Low windows must not make the page load the whole chat.
p = await open('long', c(11), 640, 200);
ok('a low window scrolls', await p.evaluate(() => { const l = document.querySelector('.log'); return l.clientHeight < l.scrollHeight && document.querySelectorAll('.msg').length <= 200; }));
// On a narrow window the third pane covers the chat, which then keeps its place.
p = await open('long', c(11), 360, 740); await p.evaluate(() => { document.querySelector('.log').scrollTop -= 1500; }); await sleep(300); const narrow = await top1(p);
await p.click('[aria-label="Safety number"]'); await sleep(200); await p.evaluate(() => mock.hear('meanwhile')); await sleep(100); await p.click('.aside [aria-label=Close]'); await sleep(200);
const after = await top1(p); ok('place kept behind the third pane', narrow[0] === after[0] && Math.abs(narrow[1] - after[1]) < 4, JSON.stringify([narrow, after]));
// Logging out is not asking for a page.
p = await open('main', '/settings'); await p.click('.page .btn:nth-of-type(2)'); await sleep(100); await p.click('dialog [type=submit]'); await sleep(200); ok('logged out', p.url().endsWith('/login'), p.url());
await p.type('input[name=username]', 'nora'); await p.type('input[name=password]', 'Right-1!'); await p.keyboard.press('Enter'); await sleep(600); ok('and back in at the chats', !p.url().endsWith('/settings'), p.url());
console.log(bad, 'bad'); await browser.close(); server.close(); process.exit(bad ? 1 : 0);
