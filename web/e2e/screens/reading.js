// What one reads stays where it is, whatever comes, goes or is loaded around it.
import { BOB, INES, chat, drawn, hear, rest, same, toEnd, turnTo } from '../canned.js';
import * as on from '../page.js';
import { until } from '../until.js';

const first = page => page.evaluate(() => sight.first());
const below = page => page.evaluate(() => sight.below());
const scroll = (page, by, times) => page.evaluate((step, count) => sight.scroll(step, count), by, times);
const jumpSays = page => page.evaluate(() => document.querySelector('.jump')?.getAttribute('aria-label') ?? null);

/** The same message at the same height, up to one pixel. */
function samePlace(found, wanted) {
  if (found.id !== wanted.id || !(Math.abs(found.top - wanted.top) <= 1)) throw new Error(`what was read moved: ${JSON.stringify(wanted)} became ${JSON.stringify(found)}`);
}

export default [
  {
    name: 'a chat opens at its first new message, and the line stays until one leaves',
    async run(t) {
      const page = await t.talk('long');
      const lines = () => page.evaluate(() => [...document.querySelectorAll('.day.new')].map(line => ({ text: line.textContent, visible: sight.visible(line) })));
      same('the line', await lines(), [{ text: '3 new messages', visible: true }]);
      await toEnd(page);
      same('after reading', (await lines()).map(line => line.text), ['3 new messages']);
      await until('the messages to count as read', () => page.evaluate(id => mock.conversations.get(id).unread === 0, BOB.slice(3)));
      await turnTo(page, INES);
      await turnTo(page, 'bob.varga');
      same('after coming back', await lines(), []);
    },
  },
  {
    name: 'at the end of a chat, a new message keeps the end in sight',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      for (const text of ['one more', `and a long one ${'with more to say '.repeat(20)}`]) {
        await hear(page, text);
        if ((await below(page)) >= 4) throw new Error(`the end is ${await below(page)} pixels below`);
      }
    },
  },
  {
    name: 'while scrolled up, new messages never move what one reads',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      await scroll(page, -700);
      const before = await first(page);
      const room = await below(page);
      await hear(page, ...Array.from({ length: 5 }, (_, count) => `below ${count}`));
      samePlace(await first(page), before);
      if ((await below(page)) <= room) throw new Error('nothing was added below');
    },
  },
  {
    name: 'the button to the latest counts what is new, goes there, and counts from nothing again',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      await scroll(page, -700);
      same('with nothing new', await jumpSays(page), 'Latest, jump to it');
      await hear(page, ...Array.from({ length: 5 }, (_, count) => `below ${count}`));
      same('with five new', await jumpSays(page), '5 new, jump to latest');
      await on.click(page, 'button', '5 new, jump to latest');
      await until('the end', () => page.evaluate(() => sight.below() < 4));
      await rest(page);
      same('at the end', await jumpSays(page), null);
      await scroll(page, -700);
      same('up again', await jumpSays(page), 'Latest, jump to it');
    },
  },
  {
    name: 'a long chat keeps few rows in the page, and each of them once',
    async run(t) {
      const page = await t.talk('long');
      const began = await page.evaluate(() => sight.rows()[0].id);
      await scroll(page, -1_500, 30);
      const ids = await page.evaluate(() => sight.rows().map(row => row.id));
      if (ids.includes(began)) throw new Error('30 steps up did not leave the rows of the beginning behind');
      if (ids.length > 260) throw new Error(`${ids.length} rows`);
      same('rows that stand there once', new Set(ids).size, ids.length);
    },
  },
  {
    name: 'scrolling through a long chat moves it by exactly as much, up and down',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      await scroll(page, -1_500, 20);
      const began = await page.evaluate(() => sight.rows()[0].id);
      same('uneven steps up', await scroll(page, -300, 25), []);
      const reached = await page.evaluate(() => sight.rows()[0].id);
      if (reached === began) throw new Error('no rows were added above, so nothing could have moved');
      same('uneven steps down', await scroll(page, 600, 25), []);
      if ((await page.evaluate(() => sight.rows()[0].id)) === reached) throw new Error('no rows were let go above, so nothing could have moved');
    },
  },
  {
    name: 'a chat that is opened again stands where one was reading',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      await scroll(page, -1_800);
      const before = await first(page);
      await turnTo(page, INES);
      await page.evaluate(() => history.back());
      await until('the chat to be back', () => new URL(page.url()).pathname === BOB);
      await drawn(page);
      samePlace(await first(page), before);
    },
  },
  {
    name: 'the address of a message far back opens there, and the button leads to the end',
    async run(t) {
      const page = await t.talk('long');
      const id = await page.evaluate(chatId => mock.messages.get(chatId).find(message => message.text.startsWith('Line 2000 ')).id, BOB.slice(3));
      await page.goto(`${t.url}${BOB}/${id}?scene=long`, { waitUntil: 'domcontentloaded' });
      await until('the message to be found', () => page.evaluate(() => document.querySelectorAll('[data-found]').length === 1));
      await rest(page);
      const found = await page.evaluate(() => [...document.querySelectorAll('[data-found]')].map(row => ({ text: row.querySelector('[dir=auto]').textContent.slice(0, 10), visible: sight.visible(row) })));
      same('what was found', found, [{ text: 'Line 2000 ', visible: true }]);
      await toEnd(page);
      same('the last one', await page.evaluate(() => sight.rows().at(-1).textContent.includes('Let him start with the low end')), true);
    },
  },
  {
    name: 'an address of a chat that is not here says so',
    async run(t) {
      const page = await t.open('main', chat(0xabc));
      await until('the sentence', () => page.evaluate(() => document.body.textContent.includes('This chat is not in this browser.')));
    },
  },
  {
    name: 'a low window does not load the whole chat',
    async run(t) {
      const page = await t.talk('long', BOB, { width: 640, height: 200 });
      const { scrolls, rows } = await page.evaluate(() => {
        const log = document.querySelector('[role=log]');
        return { scrolls: log.clientHeight < log.scrollHeight, rows: sight.rows().length };
      });
      if (!scrolls || rows === 0 || rows > 200) throw new Error(`scrolls: ${scrolls}, rows: ${rows}`);
    },
  },
  {
    name: 'on a narrow window the safety number covers the chat, which keeps its place',
    async run(t) {
      const page = await t.talk('long', BOB, { width: 360, height: 740 });
      await scroll(page, -1_500);
      const before = await first(page);
      await on.click(page, 'button', 'Safety number');
      await until('the chat to be covered', () => page.evaluate(() => document.querySelector('[role=log]').clientHeight === 0));
      await hear(page, 'meanwhile');
      await on.click(page, 'button', 'Close');
      await until('the chat to be back', () => page.evaluate(() => document.querySelector('[role=log]').clientHeight > 0));
      await rest(page);
      samePlace(await first(page), before);
    },
  },
];
