// Every screen once, in the order a newcomer meets them.
import { password, text, username } from './names.js';
import * as on from './page.js';
import { until } from './until.js';

/** Calls `look(name, page)` on each screen. `plain`: with names and texts for pictures, not for the search afterwards. */
export async function tour(world, look, { plain = false } = {}) {
  const ben = await world.person('ben', { exactly: plain ? 'ben-varga' : null });
  const own = await world.newBrowser(world.relays.length > 1 ? 1 : 0);
  const page = await own.tab();
  const [name, secret] = [plain ? 'nora' : username('ann'), password()];

  await on.go(page, own.url, '/login');
  await on.find(page, 'button', 'Log in');
  await look('login', page);

  await on.go(page, own.url, '/recover');
  await on.find(page, 'button', 'Set new password');
  await look('recover', page);

  await on.go(page, own.url, '/register');
  await on.fill(page, 'Username', name);
  await on.fill(page, 'Password', secret);
  await look('register', page);
  await on.click(page, 'button', 'Create account');
  await on.find(page, 'dialog', 'Recovery kit', { within: 30_000 });
  await look('kit', page);
  await on.click(page, 'button', 'I have saved it');
  await on.find(page, 'button', 'New chat');
  await look('welcome', page);

  await on.click(page, 'button', 'New chat');
  await on.find(page, 'dialog', 'New chat');
  await look('new-chat', page);
  await page.keyboard.press('Escape');
  await on.gone(page, 'dialog', 'New chat');

  await on.startChat(page, ben.name);
  await on.openChat(ben.page, name);
  for (const [from, said] of [[page, 'Are you there?'], [ben.page, 'I am. What a quiet place.'], [page, 'Nobody else can read this.'], [ben.page, 'Then tell me about the piano.']]) {
    const whole = plain ? said : `${said} ${text('')}`;
    await on.send(from, whole);
    await Promise.all([on.shown(page, whole), on.shown(ben.page, whole)]);
  }
  await look('conversation', page);

  await on.click(page, 'button', 'Safety number');
  await until('the safety number', () => page.evaluate(() => (document.body.textContent.match(/\b\d{5}\b/g) ?? []).length >= 12));
  await look('safety-number', page);
  await page.keyboard.press('Escape');

  const settings = async () => {
    if (!(await on.has(page, 'button', 'Lock'))) await on.click(page, 'button', 'Settings');
    await on.find(page, 'button', 'Lock');
  };
  await settings();
  await look('settings', page);
  await on.click(page, 'button', 'Log out');
  await on.find(page, 'dialog', 'Log out?');
  await look('log-out', page);
  await page.keyboard.press('Escape');
  await on.gone(page, 'dialog', 'Log out?');

  await settings();
  await on.click(page, 'button', 'Lock');
  await on.find(page, 'button', 'Unlock');
  await look('locked', page);
  await on.fill(page, 'Password', secret);
  await on.click(page, 'button', 'Unlock');
  await on.inside(page);

  await world.server.stop();
  await until('the page to say that it is offline', async () => /Offline|Connecting/.test(await on.connection(page)), { within: 30_000 });
  await look('offline', page);
  await world.server.start();
  await until('the page to be online again', async () => !/Offline|Connecting/.test(await on.connection(page)), { within: 45_000 });
}
