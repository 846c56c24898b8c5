// What a person does on the page, by the names a screen reader would say.
import { isFirefox, locate } from './find.js';
import { until } from './until.js';

/** This element, as soon as it is there. */
export async function find(page, role, name, options) {
  return until(`${role} "${name}" on ${page.url()}`, () => locate(page, role, name), options);
}

export const has = async (page, role, name) => (await locate(page, role, name)) !== null;

export async function gone(page, role, name, options) {
  await until(`${role} "${name}" to go`, async () => !(await has(page, role, name)), options);
}

/** A click as the hand does it; asks again when the screen moved in between. */
export async function click(page, role, name) {
  await until(`a click on ${role} "${name}"`, async () => {
    const element = await locate(page, role, name);
    if (!element) return false;
    await element.click();
    return true;
  });
}

/** A field by its label, whatever role the browser gives it (password fields have none in some). */
export async function field(page, name) {
  return until(`field "${name}" on ${page.url()}`, async () => {
    const handle = await page.evaluateHandle(wanted => [...document.querySelectorAll('input, textarea, [contenteditable="true"]')].find(element => {
      const labelled = element.getAttribute('aria-labelledby')?.split(' ').map(id => document.getElementById(id)?.textContent ?? '').join(' ');
      const label = element.getAttribute('aria-label') ?? labelled ?? [...(element.labels ?? [])].map(part => part.textContent).join(' ');
      return label.trim() === wanted && element.getClientRects().length > 0;
    }) ?? null, name);
    return handle.asElement();
  });
}

/** Puts a text where the focus is, as one insertion (an input method or a paste does that); Firefox takes one sign a command otherwise. */
export const write = (page, text) => (isFirefox(page) ? page.evaluate(said => document.execCommand('insertText', false, said), text) : page.keyboard.sendCharacter(text));

export async function fill(page, name, value) {
  const element = await field(page, name);
  await element.evaluate(node => { node.focus(); node.select?.(); });
  await write(page, value);
  await until(`"${name}" to hold what was typed`, async () => (await element.evaluate(node => node.value ?? node.textContent)) === value);
}

export async function go(page, url, path) {
  await page.goto(url + path, { waitUntil: 'domcontentloaded' });
}

/** Sets the box, whatever stands in it. */
async function staySignedIn(page, wanted) {
  const box = await find(page, 'checkbox', 'Stay signed in');
  if ((await box.evaluate(node => node.checked)) !== wanted) await box.click();
  await until('the box to be set', () => box.evaluate((node, stay) => node.checked === stay, wanted));
}

/** Registers and puts the kit away; returns its code. */
export async function register(page, url, name, password, { stay = false } = {}) {
  await go(page, url, '/register');
  await fill(page, 'Username', name);
  await fill(page, 'Password', password);
  await staySignedIn(page, stay);
  await click(page, 'button', 'Create account');
  await find(page, 'dialog', 'Recovery kit', { within: 30_000 });
  const kit = await until('the code of the kit', () => page.evaluate(() => {
    const found = document.querySelector('dialog[open]')?.textContent.match(/(?:[0-9A-HJKMNP-TV-Z]{4}\s*){8}/);
    return found ? found[0].trim() : null;
  }));
  await click(page, 'button', 'I have saved it');
  await find(page, 'button', 'New chat');
  return kit;
}

export async function login(page, url, name, password, { stay = false } = {}) {
  await go(page, url, '/login');
  await fill(page, 'Username', name);
  await fill(page, 'Password', password);
  await staySignedIn(page, stay);
  await click(page, 'button', 'Log in');
}

export const inside = page => find(page, 'button', 'New chat', { within: 30_000 });

/** Opens the dialog for a new chat and types whom it is with. */
export async function nameChat(page, name) {
  await click(page, 'button', 'New chat');
  const dialog = await find(page, 'dialog', 'New chat');
  await until('the name to stand in the dialog', async () => {
    const box = await dialog.$('input');
    if (!box) return false;
    await box.evaluate(node => { node.focus(); node.select(); });
    await write(page, name);
    return box.evaluate((node, wanted) => node.value === wanted, name);
  });
}

/** Starts a chat, or finds the one there is, and waits for the box to write into. */
export async function startChat(page, name) {
  await nameChat(page, name);
  await pressStart(page);
}

export async function pressStart(page) {
  await click(page, 'button', 'Start chat');
  await gone(page, 'dialog', 'New chat', { within: 30_000 });
  await field(page, 'Message');
}

/** Opens a chat from the list. */
export async function openChat(page, name) {
  await until(`the chat with ${name} in the list`, async () => {
    const handle = await page.evaluateHandle(wanted => [...document.querySelectorAll('nav a, [role=navigation] a')].find(link => link.textContent.includes(wanted)) ?? null, name);
    const link = handle.asElement();
    if (!link) return false;
    await link.click();
    return true;
  }, { within: 30_000 });
  await field(page, 'Message');
}

/** Writes into the box and presses Enter; resolves when the page has taken the text over. */
export async function send(page, text) {
  const box = await field(page, 'Message');
  await box.evaluate(node => { node.focus(); node.select(); });
  // What an ended tab left there as a draft is not part of this message.
  if (await box.evaluate(node => node.value !== '')) await page.keyboard.press('Backspace');
  await write(page, text);
  await page.keyboard.press('Enter');
  await until('the box to be empty again', () => box.evaluate(node => (node.value ?? node.textContent) === ''));
}

/**
 * Sends from a tab that is not in front: keys typed into several tabs of one browser at once get lost on the way there, which is
 * the tools' affair and not the page's. The page sees the same events.
 */
export async function sendUnseen(page, text) {
  for (let box, taken = false; !taken;) {
    box = await field(page, 'Message');
    await box.evaluate((node, value) => {
      Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(node, value);
      node.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }, text);
    await until('the button to be ready', () => box.evaluate(node => node.ownerDocument !== document || !node.isConnected || !node.form.querySelector('button[type=submit]').disabled));
    // A box that was drawn anew meanwhile, or whose page was loaded again, hears nothing: its successor is written into.
    taken = await box.evaluate(node => {
      if (node.ownerDocument !== document || !node.isConnected) return false;
      node.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
      return true;
    });
    if (taken) await until('the box to be empty again', () => box.evaluate(node => node.ownerDocument !== document || !node.isConnected || node.value === ''));
  }
}

/** Every message on the screen: who, what, when, in which state. */
export const messages = page => page.evaluate(() => {
  const states = ['Sending', 'Stored', 'Delivered', 'Read', 'Failed'];
  const log = document.querySelector('[role=log][aria-label="Messages"]');
  return [...(log?.querySelectorAll('article') ?? [])].map(article => {
    const words = [...article.querySelectorAll('*')].filter(element => element.children.length === 0).map(element => element.textContent.trim());
    return {
      author: words[0] ?? '',
      own: article.hasAttribute('data-own'),
      text: article.querySelector('.body p, [dir=auto]')?.textContent ?? article.textContent,
      time: article.querySelector('time')?.dateTime ?? '',
      state: states.findLast(state => words.some(word => word === state || word.startsWith(`${state}.`))) ?? '',
    };
  });
});

/** Waits for exactly one message of this text, in this state if one is named. */
export const shown = (page, text, { state, within = 20_000 } = {}) => until(`"${text}"${state ? ` as ${state}` : ''}`, async () => {
  const all = (await messages(page)).filter(message => message.text === text);
  if (all.length > 1) throw new Error(`${all.length} times on the screen`);
  const states = ['Sending', 'Stored', 'Delivered', 'Read'];
  return all.length === 1 && (!state || states.indexOf(all[0].state) >= states.indexOf(state)) ? all[0] : false;
}, { within });

/** Loads older messages until the beginning is on the screen, and returns every text with how often it stands there. */
export async function countAll(page, { within = 60_000 } = {}) {
  const counts = new Map();
  const seen = new Map();
  let quiet = 0;
  await until('the beginning of the conversation', async () => {
    const ids = await page.evaluate(() => {
      const log = document.querySelector('[role=log][aria-label="Messages"]');
      const all = [...log.querySelectorAll('article')].map(article => [article.id || article.dataset.id || '', article.querySelector('.body p, [dir=auto]')?.textContent ?? article.textContent]);
      log.scrollTop = 0;
      log.dispatchEvent(new Event('scroll'));
      return all;
    });
    const before = seen.size;
    ids.forEach(([id, text], place) => seen.set(id || `${place}`, text));
    quiet = seen.size === before ? quiet + 1 : 0;
    return quiet >= 60;
  }, { within });
  for (const text of seen.values()) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

export const connection = page => page.evaluate(() => document.querySelector('[role=status][aria-label="Connection"]')?.textContent.trim() ?? '');
