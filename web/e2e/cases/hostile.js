// What strangers write must stay text, and what was changed on its way must not run.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SECRET, text } from '../names.js';
import * as on from '../page.js';
import { payloads } from '../payloads.js';
import { until } from '../until.js';

/** Lets the page remember what ever stood among the messages and in the list, and whether a payload ran. */
function arm() {
  const seen = { tags: new Set(), attributes: new Set(), links: new Set(), texts: new Set(), ran: 0 };
  globalThis.planted = () => { seen.ran += 1; };
  globalThis.hostile = seen;
  const within = '[role=log] article, [role=log] article *, nav, nav *';
  const note = element => {
    if (!element.matches(within)) return;
    seen.tags.add(element.localName);
    for (const name of element.getAttributeNames()) seen.attributes.add(`${element.localName} ${name}`);
    if (element.localName === 'a' && element.target) seen.links.add(`${element.protocol} ${element.rel}`);
    // The host that the page itself tells behind a doubtful link is no part of the text.
    if (element.matches('article .body p')) seen.texts.add([...element.childNodes].map(node => (node.className === 'low' ? '' : node.textContent)).join(''));
  };
  const all = root => [root, ...root.querySelectorAll('*')].forEach(note);
  new MutationObserver(records => {
    for (const { target, addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof Element) all(node);
      if (target instanceof Element) note(target);
    }
  }).observe(document, { childList: true, subtree: true, attributes: true });
  all(document.documentElement);
}

const remembered = page => page.evaluate(() => {
  const { tags, attributes, links, texts, ran } = globalThis.hostile;
  const loaders = 'script, link, style, base, meta, iframe, frame, object, embed, img, image, video, audio, form, template, portal';
  return { tags: [...tags], attributes: [...attributes], links: [...links], texts: [...texts], ran, loaders: document.querySelectorAll(loaders).length };
});

/** What the page leaves out of a text on purpose: controls, and marks that turn the direction. */
const shown = payload => payload.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '');

/** As many to a message as are shown without folding. */
function packed(all) {
  const messages = [[]];
  for (const one of all) {
    const last = messages.at(-1);
    if (last.length === 24 || [...last, one].join('\n').length > 850) messages.push([one]);
    else last.push(one);
  }
  return messages;
}

/** One file, as the server gives it. */
const load = (server, path) => new Promise((resolve, reject) => {
  get(`${server.url()}${path}`, { ca: readFileSync(server.authority) }, answer => {
    const pieces = [];
    const whole = () => resolve({ headers: answer.headers, bytes: Buffer.concat(pieces) });
    answer.on('data', piece => pieces.push(piece)).on('end', () => (answer.statusCode === 200 ? whole() : reject(new Error(`${path}: ${answer.statusCode}`))));
  }).once('error', reject);
});

/** Everything in the release. */
async function release(server) {
  const list = JSON.parse((await load(server, '/release.json')).bytes);
  return Promise.all(Object.keys(list.files).map(async path => [path, (await load(server, path)).bytes]));
}

/** What Google's judge of policies finds wrong, in words. */
function findings(policy) {
  const ours = createRequire(import.meta.url);
  const { CspEvaluator } = ours('csp_evaluator/dist/evaluator.js');
  const { CspParser } = ours('csp_evaluator/dist/parser.js');
  const { Severity } = ours('csp_evaluator/dist/finding.js');
  return new CspEvaluator(new CspParser(policy).csp).evaluate().map(found => `${Severity[found.severity]} ${found.directive} ${found.value ?? ''}`.trim());
}

const CODE = /\.(js|wasm|css)$/;
/** A byte in the middle, and something that runs (or is a rule) and would show that it did. */
const CHANGES = {
  'one byte': (path, bytes) => {
    const changed = Buffer.from(bytes);
    changed[bytes.length >> 1] ^= 1;
    return changed;
  },
  'something added': (path, bytes) => Buffer.concat([bytes, Buffer.from(path.endsWith('.js') ? '\n;globalThis.planted = true;' : path.endsWith('.css') ? '\nhtml{--planted:1}' : '\0\x03\x01a!', 'latin1')]),
};

/** What somebody sees who opens the page: a form, the notice that it did not start, or nothing at all. */
const look = page => page.evaluate(() => ({
  refused: document.documentElement.hasAttribute('data-refused') && document.getElementById('refused')?.checkVisibility() === true,
  form: document.querySelector('form')?.checkVisibility() === true,
  planted: globalThis.planted === true || getComputedStyle(document.documentElement).getPropertyValue('--planted') !== '',
}));

export default [
  {
    name: 'attack 85: of 500 payloads none becomes an element',
    limit: 150_000,
    async run(t) {
      if (payloads.length < 500) throw new Error(`only ${payloads.length} payloads`);
      const [ann, ben] = await t.pair();
      const pages = [ann.page, ben.page];
      for (const page of pages) {
        page.on('dialog', dialog => {
          t.complaints.push(`a dialog: ${dialog.message()}`);
          dialog.dismiss().catch(() => {});
        });
        await page.evaluate(arm);
      }
      // What honest texts look like: plain, with a link, with a link whose host is told, in several lines.
      const honest = [text('plain'), `${text('link')} https://a.example/x`, `${text('host')} https://b.example@a.example/`, `${text('lines')}\nmore`, `${text('post')} mailto:a@b.example`];
      for (const one of honest) await on.sendUnseen(ann.page, one);
      await until('the honest texts', async () => (await remembered(ben.page)).texts.includes(shown(honest.at(-1))), { within: 20_000 });
      const back = text('back');
      await on.sendUnseen(ben.page, back);
      await on.shown(ann.page, back);
      const before = await Promise.all(pages.map(remembered));

      const sent = packed(payloads).map(some => `${SECRET}\n${some.join('\n')}`);
      for (const one of sent) await on.sendUnseen(ann.page, one);
      // And one that stays the newest, so that the list shows it too.
      const last = `${SECRET} <img src=x onerror=planted()>`;
      await on.sendUnseen(ann.page, last);
      await until('the last payload', async () => (await remembered(ben.page)).texts.includes(last), { within: 60_000 });
      for (const [at, page] of pages.entries()) {
        const after = await remembered(page);
        const whole = after.texts.join('\n\n');
        const lost = payloads.filter(payload => !whole.includes(shown(payload)));
        if (lost.length > 0) throw new Error(`${lost.length} not shown as text, the first: ${JSON.stringify(lost[0])}`);
        const tags = after.tags.filter(tag => !before[at].tags.includes(tag));
        if (tags.length) throw new Error(`new elements: ${tags}`);
        const attributes = after.attributes.filter(name => / (on|style$|src|srcdoc|action|formaction|poster|background|xlink|ping|download)/.test(name));
        if (attributes.length) throw new Error(`attributes that load or run: ${attributes}`);
        const links = after.links.filter(link => !/^(https?|mailto): noopener noreferrer$/.test(link));
        if (links.length) throw new Error(`links that lead elsewhere: ${links}`);
        if (after.ran || after.loaders !== before[at].loaders) throw new Error(`${after.ran} ran; ${after.loaders - before[at].loaders} more elements that load`);
      }
    },
  },
  {
    name: 'attack 85: names and addresses are text as well',
    limit: 90_000,
    async run(t) {
      const ann = await t.person('ann');
      // A name with markup in it is nobody's: the server takes none of them.
      const taken = await ann.page.evaluate(async all => {
        const headers = { 'content-type': 'application/json', 'sotto-client': '0.1.0' };
        const ask = username => fetch('/auth/register/start', { method: 'POST', headers, body: JSON.stringify({ username, account_id: '0'.repeat(32), request: 'AAAA' }) });
        const judge = async name => {
          const answer = await ask(name);
          const { code } = await answer.json();
          return answer.status === 400 && code.startsWith('username_') ? [] : [`${name}: ${answer.status} ${code}`];
        };
        return (await Promise.all(all.map(judge))).flat();
      }, payloads.filter(payload => !/^[\w.-]{3,30}$/.test(payload)));
      if (taken.length) throw new Error(`names that were not refused: ${taken.slice(0, 5)}`);
      await ann.page.evaluate(arm);
      const telling = ['<img src=x onerror=planted()>', '"><svg onload=planted()>', 'javascript:planted()'];
      for (const one of telling.slice(0, 1)) {
        await on.nameChat(ann.page, one);
        await on.click(ann.page, 'button', 'Start chat');
        await until('the form to say something', () => ann.page.evaluate(() => (document.querySelector('dialog[open] [role=alert], dialog[open] .error, dialog[open] [aria-invalid=true]')?.textContent ?? null) !== null));
        await ann.page.keyboard.press('Escape');
        await on.gone(ann.page, 'dialog', 'New chat');
      }
      if ((await remembered(ann.page)).ran) throw new Error('a name ran');
      const stranger = await t.newBrowser();
      const page = await stranger.tab();
      await page.evaluateOnNewDocument(() => {
        globalThis.ran = 0;
        globalThis.planted = () => { globalThis.ran += 1; };
      });
      for (const one of telling) {
        const path = `/c/${encodeURIComponent(one)}?next=${encodeURIComponent(one)}#${one}`;
        await on.go(page, stranger.url, path);
        await until(`a screen at ${path}`, () => page.evaluate(() => document.querySelector('form, main') !== null));
        const [ran, images] = await page.evaluate(() => [globalThis.ran, document.querySelectorAll('img, iframe, object').length]);
        if (ran || images) throw new Error(`${path}: ${ran} ran, ${images} elements`);
      }
    },
  },
  {
    name: 'attack 93: the headers pass the judges of others',
    only: 'chromium',
    async run(t) {
      const { headers } = await load(t.server, '/');
      const policy = headers['content-security-policy'];
      // 'self' could matter where users' files are served as scripts; here only the files of the release are (attack 87).
      const found = findings(policy).filter(one => one !== "MEDIUM_MAYBE script-src 'self'");
      if (found.length) throw new Error(`the policy: ${found}`);
      if (!findings("script-src 'unsafe-inline' https:").some(one => one.startsWith('HIGH'))) throw new Error('the judge finds nothing wrong with anything');
      // What the HTTP Observatory of MDN asks for its best mark, without what needs a public host (redirect, preload list).
      const wanted = {
        'content-security-policy': /^default-src 'none';(?!.*'unsafe-(?:inline|eval)').*object-src 'none';.*base-uri 'none';.*form-action 'none';.*frame-ancestors 'none'/,
        'cross-origin-resource-policy': /^same-origin$/,
        'referrer-policy': /^no-referrer$/,
        'x-content-type-options': /^nosniff$/,
        'x-frame-options': /^DENY$/,
      };
      const wrong = Object.entries(wanted).filter(([name, value]) => !value.test(headers[name] ?? ''));
      if (wrong.length || headers['access-control-allow-origin'] || headers['set-cookie']) throw new Error(`${wrong.map(([name]) => name)} ${JSON.stringify(headers)}`);
      const page = (await load(t.server, '/')).bytes.toString();
      const loose = [...page.matchAll(/<(script|link rel="(?:stylesheet|modulepreload)")[^>]*>/g)].filter(([tag]) => !/integrity="sha384-/.test(tag));
      if (loose.length || /<script(?![^>]*src=)/.test(page)) throw new Error(`not named by hash: ${loose}`);
    },
  },
  {
    name: 'attack 81: a file that was changed on the way does not run',
    limit: 150_000,
    async run(t) {
      const files = await release(t.server);
      const code = files.filter(([path]) => CODE.test(path));
      if (code.length < 5) throw new Error(`only ${code.map(([path]) => path)}`);
      const copy = mkdtempSync(join(tmpdir(), 'sotto-changed-'));
      const put = (path, bytes) => {
        mkdirSync(dirname(join(copy, path)), { recursive: true });
        writeFileSync(join(copy, path), bytes);
      };
      try {
        for (const [path, bytes] of files) put(path, bytes);
        await t.server.stop();
        t.server.options = ['--web-dir', copy];
        await t.server.start();
        const visit = async () => {
          const own = await t.newBrowser();
          const page = await own.tab();
          await on.go(page, own.url, '/login');
          return page;
        };
        const untouched = await visit();
        await on.find(untouched, 'button', 'Log in');
        if (t.complaints.length) throw new Error(`the copy itself: ${t.complaints}`);
        for (const [path, bytes] of code) {
          for (const [what, change] of Object.entries(CHANGES)) {
            put(path, change(path, bytes));
            const page = await visit();
            // The first script is the one that tells; when it is not run, only the browser says so, on the console.
            const first = path.includes('/boot-');
            const seen = await until(`${path} (${what}) to be refused`, async () => {
              const now = await look(page);
              if (now.planted) throw new Error(`${path} (${what}) ran`);
              const told = t.complaints.some(line => /integrity|digest|hash/i.test(line));
              return (first ? told : now.refused) ? now : false;
            }, { within: 20_000 });
            if (seen.form) throw new Error(`${path} (${what}): there is a form to type a password into`);
            await page.close();
            t.complaints.length = 0;
            put(path, bytes);
          }
        }
      } finally {
        rmSync(copy, { recursive: true, force: true });
      }
    },
  },
];
