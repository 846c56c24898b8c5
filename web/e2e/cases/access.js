// Every screen for everybody: by rule, by keyboard.
import { text } from '../names.js';
import { violations } from '../axe.js';
import * as on from '../page.js';
import { tour } from '../tour.js';
import { until } from '../until.js';

const focused = page => page.evaluate(() => {
  const element = document.activeElement;
  const label = element?.getAttribute('aria-label') ?? [...(element?.labels ?? [])].map(part => part.textContent).join(' ') ?? '';
  return { name: (label || element?.textContent || '').trim(), visible: element?.matches(':focus-visible') ?? false, tag: element?.tagName ?? '' };
});

/** Presses Tab until this is in focus; `back` where the way forward leads through the browser's own bar, from which Firefox does not return when it is driven. */
async function tabTo(page, name, { most = 40, back = false } = {}) {
  const met = [];
  for (let presses = 0; presses <= most; presses += 1) {
    const here = await focused(page);
    met.push(here.name.slice(0, 24));
    if (here.name === name) {
      if (!here.visible) throw new Error(`the focus on "${name}" cannot be seen`);
      return;
    }
    if (back) await page.keyboard.down('Shift');
    await page.keyboard.press('Tab');
    if (back) await page.keyboard.up('Shift');
  }
  throw new Error(`Tab never came to "${name}": ${met.join(' · ')}`);
}

export default [
  {
    name: 'axe finds no violation on any screen',
    limit: 240_000,
    async run(t) {
      const found = [];
      const seen = [];
      await tour(t, async (screen, page) => {
        seen.push(screen);
        for (const violation of await violations(page, t.kind)) found.push(`${screen}: ${violation}`);
      });
      if (seen.length < 10) throw new Error(`only ${seen}`);
      if (found.length) throw new Error(`${found.length} violations:\n  ${found.join('\n  ')}`);
    },
  },
  {
    name: 'everything can be done with the keyboard alone',
    limit: 120_000,
    async run(t) {
      const ben = await t.person('ben');
      const own = await t.newBrowser();
      const page = await own.tab();
      const { username, password } = await import('../names.js');
      const [name, secret] = [username('ann'), password()];
      await on.go(page, own.url, '/login');
      await on.find(page, 'button', 'Log in');
      await tabTo(page, 'Create account');
      await page.keyboard.press('Enter');
      await on.find(page, 'heading', 'Create account');
      await tabTo(page, 'Username');
      await page.keyboard.type(name);
      await tabTo(page, 'Password');
      await page.keyboard.type(secret);
      await page.keyboard.press('Enter');
      await on.find(page, 'dialog', 'Recovery kit', { within: 30_000 });
      await tabTo(page, 'I have saved it');
      await page.keyboard.press('Enter');
      await on.find(page, 'button', 'New chat');
      await tabTo(page, 'New chat');
      await page.keyboard.press('Enter');
      await on.find(page, 'dialog', 'New chat');
      await page.keyboard.press('Escape');
      await on.gone(page, 'dialog', 'New chat');
      await until('the focus to return to the opener', async () => (await focused(page)).name === 'New chat');
      await page.keyboard.press('Enter');
      await on.find(page, 'dialog', 'New chat');
      await tabTo(page, 'Username');
      await page.keyboard.type(ben.name);
      await page.keyboard.press('Enter');
      await on.gone(page, 'dialog', 'New chat', { within: 30_000 });
      await on.field(page, 'Message');
      await tabTo(page, 'Message');
      const said = text('by keyboard');
      await page.keyboard.type(said);
      await page.keyboard.down('Shift');
      await page.keyboard.press('Enter');
      await page.keyboard.up('Shift');
      await page.keyboard.type('second line');
      await page.keyboard.press('Enter');
      await on.openChat(ben.page, name);
      await until('both lines to arrive', async () => (await on.messages(ben.page)).some(message => message.text.startsWith(said) && message.text.includes('second line')));
      await tabTo(page, 'Settings', { back: true });
      await page.keyboard.press('Enter');
      await on.find(page, 'button', 'Lock');
      await tabTo(page, 'Lock');
      await page.keyboard.press('Enter');
      await on.find(page, 'button', 'Unlock');
      await tabTo(page, 'Password');
      await page.keyboard.type(secret);
      await page.keyboard.press('Enter');
      await on.inside(page);
    },
  },
];
