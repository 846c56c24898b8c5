// What comes at the page from beside it: other windows, a browser without randomness, names that mean something to JavaScript.
import { createServer } from 'node:http';
import { beforeWorkers } from '../browser.js';
import { text } from '../names.js';
import * as on from '../page.js';
import { until } from '../until.js';

/** A generator as it should not be. */
const GENERATORS = {
  'is not there': 'delete Crypto.prototype.getRandomValues;',
  'always throws': "Crypto.prototype.getRandomValues = () => { throw new Error('no entropy'); };",
  'gives one byte only': 'Crypto.prototype.getRandomValues = array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(7) && array;',
  'begins anew every sixteen bytes': 'Crypto.prototype.getRandomValues = array => { new Uint8Array(array.buffer, array.byteOffset, array.byteLength).forEach((_, at, bytes) => { bytes[at] = (at % 16) * 37; }); return array; };',
};

/** The page of somebody else, with Sotto in a window and in a frame of his. */
const HOSTILE = url => `<!doctype html><title>hostile</title><iframe src="${url}/login"></iframe><button>open</button><script>
  const forged = [{ t: 'events', epoch: 9e9, by: 'x', events: [{ event: 'state', state: { phase: 'open' } }] }, { t: 'refused', why: 'refused' }, 'x', { command: 'lock', args: {} }];
  let other = null;
  globalThis.said = 0;
  globalThis.heard = 0;
  addEventListener('message', () => { heard += 1; });
  document.querySelector('button').addEventListener('click', () => {
    other = open('${url}/login', 'sotto');
    const port = new BroadcastChannel('sotto');
    setInterval(() => {
      for (const one of forged) {
        for (const target of [other, frames[0]]) try { target.postMessage(one, '*'); } catch {}
        port.postMessage(one);
      }
      said += 1;
    }, 20);
  });
  globalThis.severed = () => other === null || other.closed;
</script>`;

export default [
  {
    name: 'attack 92: another window says nothing to the page and learns nothing of it',
    async run(t) {
      const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(HOSTILE(t.server.url())));
      await new Promise(done => server.listen(0, '127.0.0.1', done));
      const own = await t.newBrowser();
      const hostile = await own.context.newPage();
      try {
        await hostile.goto(`http://127.0.0.1:${server.address().port}/`, { waitUntil: 'load' });
        const before = new Set(await own.context.pages());
        await (await hostile.$('button')).click();
        const page = await until('the window', async () => (await own.context.pages()).find(one => !before.has(one)) ?? false, { within: 20_000 });
        await on.find(page, 'button', 'Log in');
        await page.evaluate(() => {
          globalThis.heard = 0;
          addEventListener('message', () => { globalThis.heard += 1; });
        });
        const said = await hostile.evaluate(() => globalThis.said);
        // Firefox lets a page behind another one act once a second.
        await until('forged messages', () => hostile.evaluate(upto => globalThis.said > upto, said + 5));
        const here = await page.evaluate(() => ({ opener: globalThis.opener, name: globalThis.name, heard: globalThis.heard, refused: document.documentElement.hasAttribute('data-refused'), form: document.querySelector('form')?.checkVisibility() }));
        const wanted = { opener: null, name: '', heard: 0, refused: false, form: true };
        if (JSON.stringify(here) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(here));
        const there = await hostile.evaluate(() => ({ severed: globalThis.severed(), heard: globalThis.heard, frames: globalThis.frames.length }));
        if (!there.severed || there.heard) throw new Error(`the other window: ${JSON.stringify(there)}`);
        const framed = await Promise.all(hostile.frames().filter(frame => frame !== hostile.mainFrame()).map(frame => frame.evaluate(() => document.querySelector('form') !== null).catch(() => false)));
        if (framed.length !== 1 || framed.includes(true)) throw new Error(`in the frame: ${framed}`);
        // And were a message to come through all the same, nobody listens: a window opened by its user, with the same words from itself.
        const plain = await own.tab();
        await plain.evaluateOnNewDocument(() => {
          const real = globalThis.addEventListener;
          globalThis.listened = [];
          globalThis.addEventListener = function listen(kind, ...rest) {
            if (this === undefined || this === globalThis) globalThis.listened.push(kind);
            return real.call(this ?? globalThis, kind, ...rest);
          };
        });
        await on.go(plain, own.url, '/login');
        await on.find(plain, 'button', 'Log in');
        const listened = await plain.evaluate(() => [...globalThis.listened, ...(globalThis.onmessage ? ['message'] : [])]);
        if (listened.length === 0 || listened.includes('message')) throw new Error(`the page listens to ${listened}`);
      } finally {
        await hostile.close().catch(() => {});
        server.closeAllConnections();
        server.close();
      }
    },
  },
  {
    name: 'attack 97: without randomness nothing starts, and the page says why',
    limit: 90_000,
    async run(t) {
      for (const [what, code] of Object.entries(GENERATORS)) {
        const own = await t.newBrowser();
        const page = await own.tab();
        await beforeWorkers(page, code);
        await on.go(page, own.url, '/register');
        await until(`the refusal of a generator that ${what}`, () => page.evaluate(() => document.getElementById('no-chance')?.checkVisibility() === true), { within: 20_000 });
        const seen = await page.evaluate(() => [...document.body.children].filter(element => element.checkVisibility()).map(element => element.id));
        if (seen.join() !== 'no-chance') throw new Error(`a generator that ${what}: ${seen} can be seen`);
        await page.close();
      }
      // The same way in, with nothing wrong: what was refused was the generator.
      const own = await t.newBrowser();
      const page = await own.tab();
      await beforeWorkers(page, ';');
      await on.go(page, own.url, '/register');
      await on.find(page, 'button', 'Create account');
    },
  },
  {
    name: 'attack 100: people with names out of JavaScript talk like anybody',
    limit: 90_000,
    async run(t) {
      const names = ['__proto__', 'constructor'];
      const [ann, ben] = [await t.person('ann', { exactly: names[0], stay: true }), await t.person('ben', { exactly: names[1], stay: true })];
      const before = await ann.page.evaluate(() => Object.getOwnPropertyNames(Object.prototype).join());
      await on.startChat(ann.page, ben.name);
      await on.openChat(ben.page, ann.name);
      const said = ['__proto__', 'constructor', '{"__proto__":{"planted":1}}', '[[Prototype]]', '<a id=location name=location>'].map(one => `${text()} ${one}`);
      for (const [at, one] of said.entries()) {
        const [from, to] = at % 2 ? [ben, ann] : [ann, ben];
        await on.send(from.page, one);
        await on.shown(to.page, one);
      }
      for (const { page } of [ann, ben]) {
        await page.reload({ waitUntil: 'domcontentloaded' });
        await on.shown(page, said.at(-1), { within: 30_000 });
        const after = await page.evaluate(() => ({ names: Object.getOwnPropertyNames(Object.prototype).join(), planted: 'planted' in {}, clobbered: document.location !== globalThis.location }));
        if (after.names !== before || after.planted || after.clobbered) throw new Error(JSON.stringify(after));
        const given = await page.evaluate(() => [...document.querySelectorAll('[id], [name]')].flatMap(element => [element.id, element.getAttribute('name') ?? '']));
        const data = given.filter(one => names.includes(one) || one.includes('planted'));
        if (data.length) throw new Error(`ids and names of elements out of data: ${data}`);
      }
    },
  },
];
