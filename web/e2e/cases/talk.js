// Conversations between two people, on good lines and bad ones.
import { text } from '../names.js';
import * as on from '../page.js';
import { until } from '../until.js';

/** Notes in the page when each text first stands on the screen, on the clock that all pages share. */
const watchTexts = page => page.evaluate(() => {
  const first = new Map();
  const look = () => {
    for (const node of document.querySelectorAll('[role=log] article .body p, [role=log] article [dir=auto]')) {
      if (!first.has(node.textContent)) first.set(node.textContent, performance.timeOrigin + performance.now());
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  globalThis.firstSeen = text => first.get(text) ?? null;
});
const seenAt = (page, wanted) => page.evaluate(word => globalThis.firstSeen(word), wanted);

export default [
  {
    name: 'two people talk both ways',
    async run(t) {
      const [ann, ben] = await t.pair();
      for (let round = 0; round < 3; round += 1) {
        const [there, back] = [text('there'), text('back')];
        await on.send(ann.page, there);
        const arrived = await on.shown(ben.page, there);
        if (!arrived.author.includes(ann.name)) throw new Error(`written by ${arrived.author}`);
        await on.send(ben.page, back);
        await on.shown(ann.page, back);
      }
      const last = text('last');
      await on.send(ann.page, last);
      await on.shown(ann.page, last, { state: 'Delivered' });
      const order = async page => (await on.messages(page)).map(message => message.text);
      const [left, right] = [await order(ann.page), await order(ben.page)];
      if (JSON.stringify(left) !== JSON.stringify(right)) throw new Error(`not in the same order:\n${left}\n${right}`);
    },
  },
  {
    name: 'odd texts arrive as they were written',
    async run(t) {
      const [ann, ben] = await t.pair();
      const odd = ['<b>not bold</b> <img src=x onerror=alert(1)>', 'שלום عربى abc', '👩‍👩‍👧‍👦 e\u0301 ﷽', '  two  spaces ', '{{x}} ${y} %s \\n'].map(part => `${text('odd')} ${part}`.trimEnd());
      for (const one of odd) await on.send(ann.page, one);
      for (const one of odd) await until(`${one}`, async () => (await on.messages(ben.page)).filter(message => message.text === one).length === 1);
    },
  },
  {
    name: 'both start the chat at the same moment and get one conversation',
    async run(t) {
      const ann = await t.person('ann');
      const ben = await t.person('ben');
      await Promise.all([on.startChat(ann.page, ben.name), on.startChat(ben.page, ann.name)]);
      const [left, right] = [text('left'), text('right')];
      await Promise.all([on.send(ann.page, left), on.send(ben.page, right)]);
      for (const one of [ann, ben]) {
        await on.shown(one.page, left, { within: 30_000 });
        await on.shown(one.page, right, { within: 30_000 });
      }
      for (const [one, other] of [[ann, ben], [ben, ann]]) {
        const items = await one.page.evaluate(name => [...document.querySelectorAll('nav a')].filter(link => link.textContent.includes(name)).length, other.name);
        if (items !== 1) throw new Error(`${one.name} has ${items} conversations with ${other.name}`);
      }
    },
  },
  {
    name: 'a message waits for somebody who is away',
    async run(t) {
      const [ann, ben] = await t.pair();
      await ben.page.close();
      const sent = [text('one'), text('two'), text('three')];
      for (const one of sent) await on.send(ann.page, one);
      for (const one of sent) await on.shown(ann.page, one, { state: 'Stored' });
      ben.page = await ben.tab();
      await on.go(ben.page, ben.url, '/');
      await until('the way back in', async () => (await on.has(ben.page, 'button', 'Unlock')) || (await on.has(ben.page, 'button', 'New chat')) || (await on.has(ben.page, 'button', 'Log in')));
      if (!(await on.has(ben.page, 'button', 'New chat'))) {
        await on.fill(ben.page, 'Password', ben.password);
        await on.click(ben.page, 'button', (await on.has(ben.page, 'button', 'Unlock')) ? 'Unlock' : 'Log in');
      }
      await on.inside(ben.page);
      await on.openChat(ben.page, ann.name);
      for (const one of sent) await on.shown(ben.page, one);
      for (const one of sent) await on.shown(ann.page, one, { state: 'Delivered' });
    },
  },
  {
    name: 'a line that is cut loses nothing in either direction',
    world: { lines: 2 },
    async run(t) {
      const [ann, ben] = await t.pair([{ line: 0 }, { line: 1 }]);
      const line = t.relays[1];
      await line.cut();
      const [to, from] = [text('to the one who is cut off'), text('from the one who is cut off')];
      await on.send(ann.page, to);
      await on.shown(ann.page, to, { state: 'Stored' });
      await on.send(ben.page, from);
      await on.shown(ben.page, from);
      await until('the page to say that it is offline', async () => /Offline|Connecting/.test(await on.connection(ben.page)));
      if ((await on.messages(ann.page)).some(message => message.text === from)) throw new Error('it went through a line that is cut');
      await line.open();
      await on.shown(ben.page, to, { within: 45_000 });
      await on.shown(ann.page, from, { within: 45_000 });
      await on.shown(ben.page, from, { state: 'Stored' });
    },
  },
  {
    name: 'a reload keeps the conversation of somebody who stays signed in',
    async run(t) {
      const [ann, ben] = await t.pair([{ stay: true }, {}]);
      const [before, during] = [text('before'), text('during')];
      await on.send(ann.page, before);
      await on.shown(ben.page, before);
      await ann.page.reload();
      await on.shown(ann.page, before, { within: 30_000 });
      await on.send(ben.page, during);
      await on.shown(ann.page, during);
      const after = text('after');
      await on.send(ann.page, after);
      await on.shown(ben.page, after);
    },
  },
  {
    name: 'a second tab shows the same within 100 ms',
    alone: true,
    async run(t) {
      const [ann, ben] = await t.pair([{ stay: true }, {}]);
      const second = await ann.tab();
      await second.goto(ann.page.url());
      await on.field(second, 'Message');
      await Promise.all([watchTexts(ann.page), watchTexts(second)]);
      const gaps = [];
      for (let round = 0; round < 15; round += 1) {
        const said = text(`tab ${round}`);
        await on.send(ben.page, said);
        await Promise.all([on.shown(ann.page, said), on.shown(second, said)]);
        gaps.push(Math.abs((await seenAt(ann.page, said)) - (await seenAt(second, said))));
      }
      gaps.sort((a, b) => a - b);
      t.notes.push(`between two tabs: p50 ${gaps[7].toFixed(0)} ms, longest ${gaps[14].toFixed(0)} ms`);
      if (gaps[7] > 100) throw new Error(`half of the messages took longer: ${gaps.map(gap => gap.toFixed(0))}`);
      const own = text('own');
      await on.send(second, own);
      await on.shown(ann.page, own);
    },
  },
];
