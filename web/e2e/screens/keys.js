// Hands on the keyboard: where the focus goes, and what is said aloud.
import { focused, hear, rest, same, toEnd, valueOf } from '../canned.js';
import * as on from '../page.js';
import { until } from '../until.js';

const inFocus = (page, name) => until(`the focus on "${name}"`, async () => (await focused(page)) === name);

/** A button by the keyboard. */
async function press(page, name) {
  await (await on.find(page, 'button', name)).focus();
  await page.keyboard.press('Enter');
}

/** Opens the dialog for a new chat and types whom it is with, by the keyboard. */
async function nameChat(page, name) {
  await press(page, 'New chat');
  await inFocus(page, 'who');
  await page.keyboard.type(name);
}

export default [
  {
    name: 'the messages are one stop for Tab, and arrows go from one to the next',
    async run(t) {
      const page = await t.talk('main');
      const stops = () => page.evaluate(() => sight.rows().flatMap((row, place) => (row.tabIndex === 0 ? [{ place, focus: row === document.activeElement }] : [])));
      const [{ place }, ...more] = await stops();
      same('more stops', more, []);
      await page.evaluate(at => sight.rows()[at].focus(), place);
      for (const [key, to] of [['ArrowUp', place - 1], ['ArrowUp', place - 2], ['ArrowDown', place - 1], ['Home', 0]]) {
        await page.keyboard.press(key);
        await until(`${key} to row ${to}`, async () => JSON.stringify(await stops()) === JSON.stringify([{ place: to, focus: true }]));
      }
    },
  },
  {
    name: 'a message is read as name, text, time and state',
    async run(t) {
      const page = await t.talk('main');
      const read = await page.evaluate(() => sight.rows().slice(-4).map(row => row.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent.trim().replaceAll(/\s+/g, ' ')).join(' | ')));
      const wanted = [/^bob\.varga \| The tuner is early, he is already here \| \d+:42(.[AP]M)?$/i, /^You \| Ten minutes\. \| \d+:44(.[AP]M)? Delivered$/i, /^You \| I have the heater\..* \| \d+:44(.[AP]M)? Stored$/i, /^You \| Let him start with the low end 🎹 \| \d+:45(.[AP]M)? Sending$/i];
      wanted.forEach((words, place) => { if (!words.test(read[place])) throw new Error(`read as "${read[place]}"`); });
    },
  },
  {
    name: 'a new message is said once; older ones that are loaded and the ways of own ones are not',
    async run(t) {
      const page = await t.talk('long');
      await toEnd(page);
      await page.evaluate(() => {
        const speaker = [...document.querySelectorAll('[role=status][aria-live=polite]')].at(-1);
        globalThis.spoken = [];
        new MutationObserver(() => { if (speaker.textContent) spoken.push(speaker.textContent); }).observe(speaker, { subtree: true, childList: true, characterData: true });
      });
      const said = count => until(`${count} sentences`, () => page.evaluate(wanted => spoken.length >= wanted, count));
      await hear(page, 'listen');
      await said(1);
      await page.evaluate(() => sight.scroll(-1_500, 10));
      await on.send(page, 'and I say');
      await on.shown(page, 'and I say', { state: 'Read' });
      await hear(page, 'a', 'b', 'c');
      await said(2);
      same('what was said', await page.evaluate(() => spoken), ['bob.varga: listen', '3 new messages']);
    },
  },
  {
    name: 'a dialog takes the focus and gives it back to what opened it',
    async run(t) {
      const page = await t.talk('main');
      await nameChat(page, 'anna');
      await page.keyboard.press('Escape');
      await on.gone(page, 'dialog', 'New chat');
      await inFocus(page, 'New chat');
      same('the message box', await valueOf(page, 'Message'), '');
    },
  },
  {
    name: 'the focus stays inside a dialog while it is open',
    async run(t) {
      const page = await t.talk('main');
      await on.click(page, 'button', 'New chat');
      await inFocus(page, 'who');
      const met = [];
      for (let presses = 0; presses < 8; presses += 1) {
        await page.keyboard.press('Tab');
        met.push(await page.evaluate(() => ({ inside: document.activeElement.closest('dialog') !== null, tag: document.activeElement.tagName, text: document.activeElement.textContent.trim() })));
      }
      for (const name of ['Cancel', 'Start chat']) if (!met.some(one => one.text === name)) throw new Error(`Tab never came to "${name}"`);
      // The last stop of a dialog is followed by the browser's own bar, where nothing of the page has the focus.
      same('met outside', met.filter(one => !one.inside && one.tag !== 'BODY'), []);
    },
  },
  {
    name: 'a chat that was just started is open, first in the list and ready to write in',
    async run(t) {
      const page = await t.talk('main');
      await nameChat(page, 'anna');
      await page.keyboard.press('Enter');
      await until('the chat', () => page.evaluate(() => document.querySelector('#talk h2')?.textContent === 'anna'));
      const first = await page.evaluate(() => { const link = document.querySelector('nav li a'); return [link.querySelector('.name').textContent, new URL(link.href).pathname]; });
      same('the first in the list', first, ['anna', new URL(page.url()).pathname]);
      await inFocus(page, 'Message');
      await page.keyboard.type('hi');
      await page.keyboard.press('Enter');
      await until('the message', async () => JSON.stringify((await on.messages(page)).map(message => message.text)) === '["hi"]');
    },
  },
  {
    name: 'the safety number opens and closes by keyboard, and the focus returns',
    async run(t) {
      const page = await t.talk('main');
      await press(page, 'Safety number');
      await until('the numbers', () => page.evaluate(() => document.querySelectorAll('.aside .digits span').length === 12));
      await page.keyboard.press('Escape');
      await until('the pane to close', () => page.evaluate(() => document.querySelector('.aside') === null));
      await inFocus(page, 'Safety number');
    },
  },
  {
    name: 'the recovery kit stays until one says it is saved',
    async run(t) {
      const page = await t.talk('kit');
      await on.find(page, 'dialog', 'Recovery kit');
      // Browsers close a dialog on the second Escape whatever its page says to the first.
      for (let presses = 0; presses < 3; presses += 1) {
        await page.keyboard.press('Escape');
        await rest(page);
      }
      same('dialogs after Escape', await page.evaluate(() => document.querySelectorAll('dialog:modal').length), 1);
      await on.click(page, 'button', 'I have saved it');
      await on.gone(page, 'dialog', 'Recovery kit');
    },
  },
  {
    name: 'on paper stands the recovery kit and nothing else',
    // Firefox has no way yet to be driven into the look of paper.
    only: 'chromium',
    async run(t) {
      const page = await t.talk('kit');
      await on.find(page, 'dialog', 'Recovery kit');
      await page.emulateMediaType('print');
      const shown = await page.evaluate(() => Object.fromEntries(['main', 'dialog', 'dialog .digits', 'dialog .actions'].map(name => [name, document.querySelector(name).getClientRects().length > 0])));
      same('on paper', shown, { main: false, dialog: true, 'dialog .digits': true, 'dialog .actions': false });
    },
  },
];
