// What one types is nobody's but the page's: browsers have services of their own that send it to their makers.
import { BOB, same } from '../canned.js';
import * as on from '../page.js';

/** Every field somebody may type into, and what it says to a browser that wants to check, fill or translate it. */
const fields = page => page.evaluate(() => [...document.querySelectorAll('input, textarea, [contenteditable]')]
  .filter(field => !field.readOnly && !['checkbox', 'radio', 'hidden'].includes(field.type) && field.getClientRects().length > 0)
  .map(field => ({ name: field.name || field.getAttribute('aria-label'), type: field.type, checked: field.spellcheck, filled: field.autocomplete, translated: field.translate })));

/** What a manager of passwords may fill. */
const FILLED = { username: /^username$/, password: /^(current|new)-password$/ };

/** Scene, address, the label of a field to wait for, all fields, and what to do before they are looked at. */
const SCREENS = [
  ['login', '/login', 'Password', ['username', 'password']],
  ['login', '/register', 'Password', ['username', 'password']],
  ['login', '/recover', 'New password', ['username', 'kit', 'password']],
  ['locked', BOB, 'Password', ['password']],
  ['main', BOB, 'Message', ['Message']],
  ['main', BOB, 'Message', ['who', 'Message'], page => on.nameChat(page, 'nobody')],
];

export default [
  {
    name: 'attack 96: what one types is neither checked, filled in nor translated by a service of the browser',
    async run(t) {
      for (const [scene, path, label, wanted, act] of SCREENS) {
        const page = await t.open(scene, path);
        await on.field(page, label);
        await act?.(page);
        // A hidden password has no words to check; its button shows it.
        for (const show of await page.$$('[aria-label="Show password"]')) await show.click();
        const found = await fields(page);
        same(`fields of ${path} in ${scene}`, found.map(field => field.name).sort(), [...wanted].sort());
        for (const { name, type, checked, filled, translated } of found) {
          same(`${name} at ${path}`, { type: /^text(area)?$/.test(type), checked, translated }, { type: true, checked: false, translated: false });
          if (!(FILLED[name] ?? /^off$/).test(filled)) throw new Error(`${name} at ${path} is filled in: ${filled}`);
        }
        same(`the page at ${path}`, await page.evaluate(() => document.documentElement.translate), false);
        await page.close();
      }
    },
  },
];
