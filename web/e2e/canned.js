// One case over the canned core of web/look: the real screens in a real browser, and nothing behind them.
import { fileURLToPath } from 'node:url';
import { serve } from '../look/serve.mjs';
import { openPage, watchRequests } from './browser.js';
import * as on from './page.js';
import { sight } from './sight.js';
import { until } from './until.js';

/** Where the stage has built the page. */
export const FOLDER = fileURLToPath(new URL('../look/dist/', import.meta.url));

/** The address of the conversation of this number in web/look/mock.ts. */
export const chat = number => `/c/${number.toString(16).padStart(32, '0')}`;
/** A chat with many kinds of messages, in the scene 'long' with five thousand of them. */
export const BOB = chat(11);
/** A short one with two unread messages. */
export const INES = 'ines.moreau';

export class Canned {
  complaints = [];
  #cleanup = [];

  constructor({ browser, kind, url }) {
    Object.assign(this, { browser, kind, url });
  }

  /** A browser of its own, with the scene in it that the canned core is to play. */
  async open(scene, path, { width = 1280, height = 800, url = this.url, complaints = this.complaints } = {}) {
    const context = await this.browser.createBrowserContext();
    this.#cleanup.push(() => context.close());
    const page = await openPage(context, complaints);
    watchRequests(page, url, complaints);
    await page.setViewport({ width, height });
    await page.evaluateOnNewDocument(sight);
    await page.goto(`${url}${path}?scene=${scene}`, { waitUntil: 'domcontentloaded' });
    return page;
  }

  /** A chat with its messages drawn. */
  async talk(scene, path = BOB, size = {}) {
    const page = await this.open(scene, path, size);
    await drawn(page);
    return page;
  }

  /** The same page with one of its files changed on the way. */
  async spoiled(wanted) {
    let spoilt = 0;
    const { server, base } = await serve(FOLDER, (path, body) => {
      if (!wanted.test(path)) return body;
      spoilt += 1;
      return Buffer.concat([body, Buffer.from('/**/')]);
    });
    this.#cleanup.push(() => server.close());
    const page = await this.open('login', '/login', { url: base, complaints: [] });
    return { page, spoilt: () => spoilt };
  }

  /** What has to be true at the end of every case. */
  check() {
    if (this.complaints.length) throw new Error(`the page did what it must not:\n  ${[...new Set(this.complaints)].slice(0, 12).join('\n  ')}`);
  }

  async close() {
    for (const end of this.#cleanup.reverse()) await end();
  }
}

export const rest = page => page.evaluate(() => sight.rest());

export async function drawn(page) {
  await until(`the messages at ${page.url()}`, () => page.evaluate(() => document.querySelector('[role=log]')?.getAttribute('aria-busy') === 'false'));
  await rest(page);
}

/** Goes to another chat by the list, as one would, and waits until it is drawn. */
export async function turnTo(page, name) {
  await on.openChat(page, name);
  await until(`the chat with ${name}`, () => page.evaluate(wanted => document.querySelector('#talk h2')?.textContent === wanted, name));
  await drawn(page);
}

/** Goes to the newest message by the button, if that is not in sight. */
export async function toEnd(page) {
  await page.evaluate(() => document.querySelector('.jump')?.click());
  await until('the end of the messages', () => page.evaluate(() => sight.below() < 4 && document.querySelector('.jump') === null));
  await rest(page);
}

/** Lets the other side of the long chat say something, and waits until it is drawn. */
export async function hear(page, ...texts) {
  await page.evaluate(all => all.forEach(text => mock.hear(text)), texts);
  await until(`"${texts.at(-1)}" to be drawn`, () => page.evaluate(wanted => sight.rows().at(-1)?.textContent.includes(wanted), texts.at(-1)));
  await rest(page);
}

/** What is in focus: its label or its text. */
export const focused = page => page.evaluate(() => {
  const element = document.activeElement;
  return element?.getAttribute('aria-label') ?? element?.getAttribute('name') ?? element?.textContent?.trim() ?? '';
});

export const valueOf = async (page, name) => (await on.field(page, name)).evaluate(node => node.value);

/** Puts a text into the message box at once, where typing it would take minutes. */
export async function paste(page, text) {
  await (await on.field(page, 'Message')).evaluate((node, value) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(node, value);
    node.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }, text);
}

/** Fails with both when they are not the same. */
export function same(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}
