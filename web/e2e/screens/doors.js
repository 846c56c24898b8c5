// Who may see which page, and where one lands.
import { BOB, drawn, same } from '../canned.js';
import * as on from '../page.js';
import { until } from '../until.js';

const at = page => new URL(page.url()).pathname;
const arrive = (page, what, path) => until(what, () => path.test(at(page)));

export default [
  {
    name: 'who is not signed in is sent to the door and lands where they wanted to go',
    async run(t) {
      const page = await t.open('login', BOB);
      await arrive(page, 'the door', /^\/login$/);
      await on.click(page, 'link', 'Create account');
      await on.fill(page, 'Username', 'nora');
      await on.fill(page, 'Password', 'Quiet-river7');
      await page.keyboard.press('Enter');
      await on.find(page, 'dialog', 'Recovery kit');
      same('the place', at(page), BOB);
    },
  },
  {
    name: 'a refused password is told, keeps the name, and is typed over',
    async run(t) {
      const page = await t.open('login', '/login');
      await on.fill(page, 'Username', 'nora');
      await on.fill(page, 'Password', 'wrong');
      await page.keyboard.press('Enter');
      await until('the refusal', () => page.evaluate(() => [...document.querySelectorAll('form [role=alert]')].some(told => told.textContent.startsWith('Username or password is not right'))));
      same('the name', await (await on.field(page, 'Username')).evaluate(node => node.value), 'nora');
      await page.keyboard.type('Right-1!');
      await page.keyboard.press('Enter');
      await arrive(page, 'a chat', /^\/c\//);
    },
  },
  {
    name: 'a locked browser asks for the password where one was, and goes on there',
    async run(t) {
      const page = await t.open('locked', BOB);
      await on.find(page, 'button', 'Unlock');
      same('messages on the page', await page.evaluate(() => document.querySelectorAll('.msg').length), 0);
      await on.fill(page, 'Password', 'wrong');
      await page.keyboard.press('Enter');
      await until('the refusal', () => page.evaluate(() => document.querySelector('form').textContent.includes('That password is not right')));
      await page.keyboard.type('Right-1!');
      await page.keyboard.press('Enter');
      await drawn(page);
      same('the place', at(page), BOB);
    },
  },
  {
    name: 'who logs out has asked for no page, and comes back to the chats',
    async run(t) {
      const page = await t.open('main', '/settings');
      await on.click(page, 'button', 'Log out');
      await on.find(page, 'dialog', 'Log out?');
      await on.click(page, 'button', 'Log out');
      await arrive(page, 'the door', /^\/login$/);
      await on.fill(page, 'Username', 'nora');
      await on.fill(page, 'Password', 'Right-1!');
      await page.keyboard.press('Enter');
      await arrive(page, 'a chat', /^\/c\//);
    },
  },
];
