// Everything that can end ends, at moments nobody chose, while people write.
import { crash, endWorkers } from '../browser.js';
import { text } from '../names.js';
import * as on from '../page.js';
import { chances } from '../random.js';
import { until } from '../until.js';

/** Each wanted text exactly once, no other text twice. */
function exactlyOnce(counts, wanted, who) {
  const missing = wanted.filter(one => !counts.has(one));
  const doubled = [...counts].filter(([, count]) => count > 1).map(([one, count]) => `${one} × ${count}`);
  if (missing.length || doubled.length) throw new Error(`${who}: ${missing.length} missing (${missing.slice(0, 3)}), ${doubled.length} doubled (${doubled.slice(0, 3)})`);
}

export default [
  {
    name: 'a server killed 20 times in a busy conversation loses and doubles nothing',
    limit: 240_000,
    async run(t) {
      const [ann, ben] = await t.pair();
      const { moment } = chances('killed');
      const sent = [];
      let over = false;
      const chatter = async (page, who) => {
        while (!over) {
          const one = text(who);
          await on.send(page, one);
          sent.push(one);
          await moment(150);
        }
      };
      const talk = Promise.all([chatter(ann.page, 'ann'), chatter(ben.page, 'ben')]);
      talk.catch(() => { over = true; });
      for (let kills = 0; kills < 20 && !over; kills += 1) {
        await moment(1_200);
        await t.server.kill();
        await moment(300);
        await t.server.start();
      }
      over = true;
      await talk;
      if (sent.length < 40) throw new Error(`only ${sent.length} messages: that was no busy conversation`);
      const last = text('last');
      const began = performance.now();
      await on.send(ann.page, last);
      await on.shown(ben.page, last, { within: 60_000 });
      const took = Math.round(performance.now() - began);
      await until('nothing to wait any more', async () => {
        const waiting = [...(await on.messages(ann.page)), ...(await on.messages(ben.page))].filter(message => message.state === 'Sending');
        return waiting.length === 0;
      }, { within: 60_000 });
      for (const one of [ann, ben]) exactlyOnce(await on.countAll(one.page), sent, one.name);
      t.notes.push(`${sent.length} messages over ${t.server.starts} starts, the last one after ${took} ms`);
    },
  },
  {
    name: 'tabs and workers that end at 50 random moments lose and double nothing',
    limit: 480_000,
    async run(t) {
      const [ann, ben] = await t.pair([{ stay: true }, {}]);
      const address = ann.page.url();
      const open = async () => {
        const page = await ann.tab();
        await page.goto(address, { waitUntil: 'domcontentloaded' });
        return { page, worker: true };
      };
      const tabs = [{ page: ann.page, worker: true }, await open(), await open()];
      const { below, moment, pick } = chances('ended');
      const taken = [];
      let over = false;
      /** Writes in whatever tab stands in this place. What the page took over before it ended counts. */
      const chatter = async place => {
        while (!over) {
          const one = text(`tab ${place}`);
          const tab = tabs[place];
          const ended = () => tabs[place] !== tab || tab.ending || over;
          try {
            await on.sendUnseen(tab.page, one);
            // On a busy machine the next leader may be ended before it stands, and the one after it.
            const seen = async () => (await on.messages(tab.page)).some(message => message.text === one) && 'seen';
            if ((await until(`"${one}"`, async () => (await seen()) || ended(), { within: 30_000 })) === 'seen') taken.push(one);
          } catch (error) {
            if (!ended()) throw error;
          }
          await moment(120);
        }
      };
      const talk = Promise.all([0, 1, 2].map(chatter));
      talk.catch(() => { over = true; });
      const kinds = t.kind === 'chromium' ? ['close', 'worker', 'crash', 'reload'] : ['close', 'worker', 'reload'];
      const told = {};
      for (let ends = 0; ends < 50 && !over; ends += 1) {
        await moment(500);
        const place = below(tabs.length);
        const tab = tabs[place];
        // A page whose worker was ended has to be loaded again some time, as its user would do.
        const kind = tab.worker ? pick(kinds) : 'reload';
        told[kind] = (told[kind] ?? 0) + 1;
        tab.ending = true;
        if (kind === 'worker') {
          await endWorkers(tab.page);
          tab.worker = false;
          if (tabs.some(other => other.worker)) {
            tab.ending = false;
            continue;
          }
        }
        if (kind === 'reload' || kind === 'worker') {
          // Firefox under automation loses a reload now and then; its user would close the tab and open another.
          const loaded = await tab.page.reload({ waitUntil: 'domcontentloaded' }).then(() => true, () => false);
          if (loaded) tabs[place] = { page: tab.page, worker: true };
          else {
            told['reload lost'] = (told['reload lost'] ?? 0) + 1;
            await tab.page.close();
            tabs[place] = await open();
          }
        } else {
          if (kind === 'crash') await crash(tab.page);
          await tab.page.close();
          tabs[place] = await open();
        }
        await on.field(tabs[place].page, 'Message');
      }
      // A slow browser has said little by now: the tabs go on until there is something to count.
      await until('the tabs to have said enough', () => taken.length >= 50 || over, { within: 150_000 });
      over = true;
      await talk;
      const last = text('last');
      await tabs[0].page.reload({ waitUntil: 'domcontentloaded' });
      await on.sendUnseen(tabs[0].page, last);
      await on.shown(ben.page, last, { within: 60_000 });
      for (const page of [ben.page, tabs[0].page]) exactlyOnce(await on.countAll(page), taken, page === ben.page ? 'the other side' : 'the own side');
      t.notes.push(`${taken.length} messages, ends: ${JSON.stringify(told)}`);
    },
  },
];
