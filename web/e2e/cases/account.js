// Getting in, getting out, getting in again.
import { password } from '../names.js';
import * as on from '../page.js';
import { text } from '../names.js';
import { until } from '../until.js';

const alertText = page => page.evaluate(() => [...document.querySelectorAll('[role=alert], [aria-live], [aria-invalid=true]')].map(node => node.textContent + (node.getAttribute('aria-describedby')?.split(' ').map(id => document.getElementById(id)?.textContent).join(' ') ?? '')).join(' '));

export default [
  {
    name: 'a wrong password is refused and nothing is lost',
    async run(t) {
      const ann = await t.person('ann');
      const other = await t.newBrowser();
      const page = await other.tab();
      await on.login(page, other.url, ann.name, password());
      await until('the refusal to be said', async () => /not right/.test(await alertText(page)));
      if ((await (await on.field(page, 'Username')).evaluate(node => node.value)) !== ann.name) throw new Error('the name typed is gone');
      await on.fill(page, 'Password', ann.password);
      await on.click(page, 'button', 'Log in');
      await on.inside(page);
    },
  },
  {
    name: 'a name that is taken is refused',
    async run(t) {
      const ann = await t.person('ann');
      const other = await t.newBrowser();
      const page = await other.tab();
      await on.go(page, other.url, '/register');
      await on.fill(page, 'Username', ann.name.toUpperCase());
      await on.fill(page, 'Password', password());
      await on.click(page, 'button', 'Create account');
      await until('the refusal to be said', async () => /has this name already/.test(await alertText(page)));
    },
  },
  {
    name: 'the recovery kit opens the account in a third browser and the old password does not',
    limit: 120_000,
    async run(t) {
      const [ann, ben] = await t.pair();
      const before = text('before');
      await on.send(ann.page, before);
      await on.shown(ben.page, before);
      const third = await t.newBrowser();
      const page = await third.tab();
      const fresh = password();
      await on.go(page, third.url, '/recover');
      await on.fill(page, 'Username', ann.name);
      await on.fill(page, 'Recovery kit', ann.kit);
      await on.fill(page, 'New password', fresh);
      await on.click(page, 'button', 'Set new password');
      await until('the way in', async () => (await on.has(page, 'button', 'New chat')) || (await on.has(page, 'dialog', 'Recovery kit')), { within: 30_000 });
      if (await on.has(page, 'dialog', 'Recovery kit')) await on.click(page, 'button', 'I have saved it');
      await on.openChat(page, ben.name);
      const after = text('after');
      await on.send(page, after);
      await on.shown(ben.page, after);
      const fourth = await t.newBrowser();
      const old = await fourth.tab();
      await on.login(old, fourth.url, ann.name, ann.password);
      await until('the old password to be refused', async () => /not right/.test(await alertText(old)));
      await on.fill(old, 'Password', fresh);
      await on.click(old, 'button', 'Log in');
      await on.inside(old);
    },
  },
  {
    name: 'a second browser of the same person takes part from then on',
    limit: 120_000,
    async run(t) {
      const [ann, ben] = await t.pair();
      const second = await t.newBrowser();
      const page = await second.tab();
      await on.login(page, second.url, ann.name, ann.password);
      await on.inside(page);
      await on.openChat(page, ben.name);
      await until('the second browser to be let in', () => page.evaluate(() => /what comes from now on/.test(document.body.textContent)));
      const [one, two, three] = [text('from ben'), text('from the second'), text('from the first')];
      await on.send(ben.page, one);
      await Promise.all([on.shown(page, one), on.shown(ann.page, one)]);
      await on.send(page, two);
      await Promise.all([on.shown(ben.page, two), on.shown(ann.page, two)]);
      await on.send(ann.page, three);
      await Promise.all([on.shown(ben.page, three), on.shown(page, three)]);
    },
  },
  {
    name: 'what is locked shows nothing until the password opens it',
    async run(t) {
      const [ann, ben] = await t.pair([{ stay: true }, {}]);
      const [before, during] = [text('before'), text('during')];
      await on.send(ben.page, before);
      await on.shown(ann.page, before);
      await on.click(ann.page, 'button', 'Settings');
      await on.click(ann.page, 'button', 'Lock');
      await on.find(ann.page, 'button', 'Unlock');
      await until('nothing to be left on the page', () => ann.page.evaluate(words => !words.some(word => document.documentElement.outerHTML.includes(word)), [before, ben.name]), { within: 3_000 });
      await on.send(ben.page, during);
      await on.fill(ann.page, 'Password', password());
      await on.click(ann.page, 'button', 'Unlock');
      await until('the wrong password to be refused', async () => /not right/.test(await alertText(ann.page)));
      await on.fill(ann.page, 'Password', ann.password);
      await on.click(ann.page, 'button', 'Unlock');
      await on.inside(ann.page);
      await on.openChat(ann.page, ben.name);
      await on.shown(ann.page, before);
      await on.shown(ann.page, during);
      // Who stays signed in does so again once the password has opened the lock.
      await ann.page.reload({ waitUntil: 'domcontentloaded' });
      await on.shown(ann.page, during);
    },
  },
  {
    name: 'logging out and erasing leaves nothing behind',
    async run(t) {
      const [ann, ben] = await t.pair();
      const said = text('said');
      await on.send(ann.page, said);
      await on.shown(ben.page, said);
      await on.click(ann.page, 'button', 'Settings');
      await on.click(ann.page, 'button', 'Log out');
      const dialog = await on.find(ann.page, 'dialog', 'Log out?');
      const erase = await until('the choice', () => dialog.$('input[value="erase"]'));
      await erase.click();
      // Behind the dialog nothing can be reached: this is its own button.
      await on.click(ann.page, 'button', 'Log out');
      await on.find(ann.page, 'button', 'Log in');
      // Empty folders and databases say nothing of anybody; a file with content or a record does.
      await until('the store to be empty', async () => {
        const left = await ann.page.evaluate(async () => {
          const found = [];
          const walk = async (folder, path) => {
            for await (const [name, handle] of folder.entries()) {
              if (handle.kind === 'directory') await walk(handle, `${path}${name}/`);
              else {
                const file = await handle.getFile().catch(() => null);
                // A free place of the pool is one block whose name is blank; anything more is somebody's.
                const head = file ? new Uint8Array(await file.slice(0, 512).arrayBuffer()) : null;
                const free = file && file.size <= 4096 && head.every(byte => byte === 0);
                if (!free) found.push(`${path}${name}: ${file?.size} bytes`);
              }
            }
          };
          await walk(await navigator.storage.getDirectory(), '');
          for (const { name } of await indexedDB.databases()) {
            const database = await new Promise((resolve, reject) => Object.assign(indexedDB.open(name), { onsuccess: event => resolve(event.target.result), onerror: reject }));
            for (const store of database.objectStoreNames) {
              const keys = await new Promise(resolve => { database.transaction(store).objectStore(store).getAllKeys().onsuccess = event => resolve(event.target.result); });
              // The number of the last leader of the tabs says nothing of anybody, and must not go back.
              found.push(...keys.filter(key => key !== 'epoch').map(key => `${name}/${store}: ${key}`));
            }
            database.close();
          }
          return [...found, ...Object.entries(localStorage).map(String)];
        });
        if (left.length) throw new Error(left.join(', '));
        return true;
      }, { within: 10_000 });
    },
  },
];
