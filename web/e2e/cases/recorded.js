// Every byte the server gets, keeps and writes in a whole life of two accounts: no text, no password, and nothing to try a guess on.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PUBLIC, password, text } from '../names.js';
import * as on from '../page.js';
import { forms, searchMemory } from '../readable.js';
import { unmask } from '../recorder.js';
import { until } from '../until.js';

/** The server's memory, without what its key file says: that is in there, and the thief of this recording has not got it. */
function memory(server) {
  const keys = readFileSync(join(server.data, 'server.keys'));
  const pieces = [];
  searchMemory(server.pid, (_, bytes) => pieces.push(Buffer.from(bytes)));
  const all = Buffer.concat(pieces);
  for (let from = 1; from + 16 <= keys.length; from += 16) {
    const piece = keys.subarray(from, from + 16);
    for (let at = all.indexOf(piece); at >= 0; at = all.indexOf(piece, at)) all.fill(0, at, at + 16);
  }
  return all;
}

/** A second place where a file is kept, made as docs/OPERATIONS.md says: the server stopped, the whole folder copied. */
function copyOf(server, folder) {
  cpSync(server.data, folder, { recursive: true, filter: path => !/server\.keys$|certs$|\.lock$/.test(path) });
}

export default [
  {
    name: 'nobody who has every byte but the key file can tell the password, and with it anybody can',
    only: 'chromium',
    needs: 'plant',
    limit: 180_000,
    world: { lines: 1, recorded: true },
    async run(t) {
      const folder = mkdtempSync(join(tmpdir(), 'sotto-recorded-'));
      try {
        const [ann, ben] = await t.pair();
        const said = [text('recorded'), text('recorded')];
        await on.send(ann.page, said[0]);
        await on.shown(ben.page, said[0]);
        await on.send(ben.page, said[1]);
        await on.shown(ann.page, said[1]);
        // A second browser, after a wrong password; a new password by the kit.
        const second = await t.newBrowser();
        const page = await second.tab();
        await on.login(page, second.url, ann.name, password());
        await until('the refusal to be said', () => page.evaluate(() => [...document.querySelectorAll('[role=alert]')].some(node => /not right/.test(node.textContent))));
        await on.fill(page, 'Password', ann.password);
        await on.click(page, 'button', 'Log in');
        await on.inside(page);
        await on.openChat(page, ben.name);

        const bytes = t.recorder.write(folder);
        writeFileSync(join(folder, 'memory'), memory(t.server));
        await t.server.stop();
        writeFileSync(join(folder, 'log'), t.server.output());
        copyOf(t.server, join(folder, 'data'));
        copyOf(t.server, join(folder, 'backup'));

        // Each place is shown to be searched: what is public is in it, or what is always there.
        const names = [...forms(PUBLIC).values()];
        const database = Buffer.concat(readdirSync(join(folder, 'data')).filter(name => name.startsWith('sotto.db')).map(name => readFileSync(join(folder, 'data', name))));
        for (const [place, content] of [['HTTP up', bytes['http-up']], ['HTTP down', bytes['http-down']], ['the database', database], ['memory', readFileSync(join(folder, 'memory'))]]) {
          if (!names.some(name => content.includes(name))) throw new Error(`the marker is not in ${place}: the search proves nothing`);
        }
        if (!readFileSync(join(folder, 'log'), 'utf8').includes('ready')) throw new Error('the log is not there');
        const planted = Buffer.from([0x82, 0x86, 1, 2, 3, 4, ...Buffer.from('marker').map((byte, at) => byte ^ [1, 2, 3, 4][at & 3])]);
        if (unmask(planted).toString() !== 'marker' || bytes['socket-up'].length < 1_000 || bytes['socket-down'].length < 1_000) throw new Error('the sockets were not recorded');
        for (const secret of [...said, ann.password, ben.password, ann.kit.replaceAll(/\s/g, '')]) {
          for (const place of ['http-up', 'http-down', 'socket-up', 'socket-down', 'memory', 'log']) {
            const content = readFileSync(join(folder, place));
            for (const [form, needle] of forms(secret)) if (content.includes(needle)) throw new Error(`${place} holds a secret ${form}`);
          }
          for (const [form, needle] of forms(secret)) if (database.includes(needle)) throw new Error(`the database holds a secret ${form}`);
        }

        const guess = join(dirname(t.plant), 'guess');
        const asked = (...words) => execFileSync(guess, ['--recording', folder, ...words], { encoding: 'utf8' }).trim().split('\n');
        asked('--absent', join(t.server.data, 'server.keys'));
        const guesses = [password(), ann.password, password()];
        const blind = asked('--username', ann.name, ...guesses);
        if (blind.join() !== '0 nothing,1 nothing,2 nothing') throw new Error(`without the key file: ${blind}`);
        const seeing = asked('--username', ann.name, '--keys', join(t.server.data, 'server.keys'), ...guesses);
        if (seeing.join() !== '0 nothing,1 opens,2 nothing') throw new Error(`with the key file: ${seeing}`);
        // A password stored or sent by a careless program would have been found.
        mkdirSync(join(folder, 'planted'));
        const { createHash } = await import('node:crypto');
        writeFileSync(join(folder, 'planted/digest'), createHash('sha256').update(ann.password).digest());
        const careless = asked('--username', ann.name, ...guesses);
        if (careless.join() !== '0 nothing,1 opens,2 nothing') throw new Error(`with a planted digest: ${careless}`);
        const sizes = Object.entries(bytes).map(([name, content]) => `${name} ${content.length}`).join(', ');
        t.notes.push(`recorded bytes: ${sizes}`);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
];
