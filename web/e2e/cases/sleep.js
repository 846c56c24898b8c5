// Tabs that the browser puts away or to sleep while they hold the store: another goes on or says why not, and nothing is lost.
import { text } from '../names.js';
import * as on from '../page.js';
import { until } from '../until.js';

const ASLEEP = 'Sotto is open in another tab that your browser has put to sleep.';
const says = (page, words) => page.evaluate(wanted => [...document.querySelectorAll('[role=status]')].some(told => told.textContent.includes(wanted)), words);

/** Ann with the leading tab first and another one, and Ben, all in one conversation. */
async function twoTabs(t) {
  const [ann, ben] = await t.pair([{ stay: true }, {}]);
  const first = ann.page;
  const said = text('before');
  await on.send(first, said);
  await on.shown(ben.page, said, { within: 60_000 });
  const second = await ann.tab();
  await second.goto(first.url(), { waitUntil: 'domcontentloaded' });
  await on.shown(second, said);
  await second.bringToFront();
  return { first, second, ben, texts: [said] };
}

/** Each text once on every one of these pages, and in the same order. */
async function allOnce(pages, texts) {
  for (const page of pages) {
    for (const one of texts) await on.shown(page, one, { within: 30_000 });
    const seen = (await on.messages(page)).map(message => message.text).filter(one => texts.includes(one));
    if (seen.join() !== texts.join()) throw new Error(`${page.url()}: ${seen.join(' · ')}, not ${texts.join(' · ')}`);
  }
}

/** Freezes the page with its worker, as a browser does that saves memory; returns how to wake it. */
async function freeze(page) {
  const session = await page.createCDPSession();
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  return () => session.send('Page.setWebLifecycleState', { state: 'active' });
}

export default [
  {
    name: 'a tab that goes elsewhere gives the lead away, and comes back whole',
    limit: 180_000,
    async run(t) {
      const { first, second, ben, texts } = await twoTabs(t);
      const write = async (page, what) => {
        const said = text(what);
        await on.send(page, said);
        await on.shown(page, said, { state: 'Stored', within: 30_000 });
        texts.push(said);
      };
      await first.evaluate(() => addEventListener('pagehide', event => sessionStorage.setItem('kept', String(event.persisted))));
      const elsewhere = new URL('/healthz', first.url()).href;
      await first.goto(elsewhere, { waitUntil: 'domcontentloaded' });
      const kept = await first.evaluate(() => sessionStorage.getItem('kept'));
      // Firefox keeps no page that holds a lock; in Chromium this case is about nothing if the page was not kept.
      if (t.kind === 'chromium' && kept !== 'true') throw new Error(`the page was not put into the back-forward cache: ${kept}`);
      await second.bringToFront();
      await write(second, 'the first is away');
      await write(ben.page, 'to somebody half away');
      await first.bringToFront();
      await first.goBack({ waitUntil: 'domcontentloaded' });
      await on.field(first, 'Message');
      await write(first, 'the first is back');
      await allOnce([first, second, ben.page], texts);
    },
  },
  {
    name: 'the only tab goes elsewhere and comes back to its draft and to what was said meanwhile',
    limit: 180_000,
    async run(t) {
      const [ann, ben] = await t.pair([{ stay: true }, {}]);
      const [before, meanwhile, after] = [text('before'), text('meanwhile'), text('after')];
      await on.send(ann.page, before);
      await on.shown(ben.page, before, { within: 60_000 });
      const draft = text('half a thought');
      await (await on.field(ann.page, 'Message')).focus();
      await on.write(ann.page, draft);
      await on.openChat(ann.page, 'Note to self');
      await until('the draft to stand in the list', () => ann.page.evaluate(wanted => document.querySelector('nav').textContent.includes(wanted), draft));
      await ann.page.goto(`${ann.url}/healthz`, { waitUntil: 'domcontentloaded' });
      await on.send(ben.page, meanwhile);
      await on.shown(ben.page, meanwhile, { state: 'Stored' });
      await ann.page.goBack({ waitUntil: 'domcontentloaded' });
      await on.openChat(ann.page, ben.name);
      await on.shown(ann.page, meanwhile, { within: 30_000 });
      await until('the draft to be back', async () => (await on.field(ann.page, 'Message')).evaluate((box, wanted) => box.value === wanted, draft));
      await on.send(ann.page, after);
      await allOnce([ann.page, ben.page], [before, meanwhile, after]);
    },
  },
  {
    name: 'a leader that sleeps is told by the other tab, which goes on when it wakes',
    // Only Chromium can be driven into freezing a page, and only it freezes one tab of a site alone.
    only: 'chromium',
    limit: 180_000,
    async run(t) {
      const { first, second, ben, texts } = await twoTabs(t);
      const wake = await freeze(first);
      const said = text('while the first sleeps');
      await on.send(second, said);
      await until('the other tab to say why it waits', () => says(second, ASLEEP), { within: 20_000 });
      await wake();
      await on.shown(second, said, { state: 'Stored', within: 30_000 });
      if (await says(second, ASLEEP)) throw new Error('it still says that the other tab sleeps');
      const later = text('from the one that slept');
      await first.bringToFront();
      await on.send(first, later);
      await allOnce([first, second, ben.page], [...texts, said, later]);
    },
  },
  {
    name: 'a leader that is closed in its sleep is followed by the other tab',
    only: 'chromium',
    limit: 180_000,
    async run(t) {
      const { first, second, ben, texts } = await twoTabs(t);
      await freeze(first);
      const said = text('while the first sleeps');
      await on.send(second, said);
      await until('the other tab to say why it waits', () => says(second, ASLEEP), { within: 20_000 });
      await first.close();
      await on.shown(second, said, { state: 'Stored', within: 30_000 });
      if (await says(second, ASLEEP)) throw new Error('it still says that the other tab sleeps');
      await allOnce([second, ben.page], [...texts, said]);
    },
  },
];
