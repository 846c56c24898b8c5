// What is told at the edge: the line, the tab, a file that is not the one it should be.
import { drawn, same } from '../canned.js';
import { until } from '../until.js';

const line = page => page.evaluate(() => {
  const told = document.querySelector('[role=status][aria-label=Connection]');
  return told.hasAttribute('data-quiet') ? null : told.textContent.trim();
});

/** A page that was changed on the way says one thing only. */
const refuses = (what, wanted) => ({
  name: `${what} that was changed on the way is refused, and the page says so`,
  async run(t) {
    const { page, spoilt } = await t.spoiled(wanted);
    await until('the refusal', () => page.evaluate(() => document.documentElement.hasAttribute('data-refused')));
    if (spoilt() === 0) throw new Error('nothing was changed on the way');
    const seen = await page.evaluate(() => [...document.body.children].filter(element => element.getClientRects().length > 0).map(element => element.id));
    same('what is seen', seen, ['refused']);
  },
});

export default [
  {
    name: 'a line that is down is told after two quiet seconds, with what waits, and its return with what left',
    async run(t) {
      const page = await t.talk('main');
      same('while online', await line(page), null);
      await page.evaluate(() => {
        const told = document.querySelector('[role=status][aria-label=Connection]');
        const began = performance.now();
        new MutationObserver(() => { if (!told.hasAttribute('data-quiet')) globalThis.toldAfter ??= performance.now() - began; }).observe(told, { attributes: true, childList: true, characterData: true, subtree: true });
        mock.change({ connection: 'offline' });
        mock.change({ waiting: 2 });
      });
      await until('the sentence', async () => (await line(page)) === 'Offline. 2 messages leave when the line is back.');
      const after = await page.evaluate(() => globalThis.toldAfter);
      if (!(after >= 1_900)) throw new Error(`told after ${after} ms already`);
      await page.evaluate(() => { mock.change({ connection: 'online' }); mock.change({ waiting: 0 }); });
      await until('the return', async () => (await line(page)) === 'Back. 2 messages sent.');
    },
  },
  {
    name: 'the title and the picture of the tab tell what is unread',
    async run(t) {
      const page = await t.talk('main');
      const tab = () => page.evaluate(() => [document.title, /favicon(-unread)?-[0-9a-f]+\.svg$/.exec(document.querySelector('link[rel=icon]').href)?.[1] ?? '']);
      for (const [unread, title, picture] of [[7, '(7) bob.varga · Sotto', '-unread'], [0, 'bob.varga · Sotto', '']]) {
        await page.evaluate(count => mock.change({ unread: count }), unread);
        await until(`the tab with ${unread} unread`, async () => JSON.stringify(await tab()) === JSON.stringify([title, picture]));
      }
      await drawn(page);
    },
  },
  refuses('code', /\/app-\w+\.js$/),
  refuses('the worker', /\/worker-\w+\.js$/),
  refuses('a style sheet', /\/app-\w+\.css$/),
];
