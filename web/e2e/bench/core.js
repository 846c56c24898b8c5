// What one thing costs in the worker of the core, the flush of the disk apart.
import * as on from '../page.js';
import { password, text, username } from '../names.js';
import { until } from '../until.js';
import { look, spans } from './probe.js';
import { at } from './rows.js';
import { worked } from './worked.js';

const ROUNDS = 100;
/** A row with a message is larger than any other frame of a quiet conversation. */
const ROW = 500;
const SAID = 'core: processor time of a message said, and all that follows';
const HEARD = 'core: processor time of a message heard, and all that follows';

export const NAMES = [
  ...['encrypt', 'decrypt'].flatMap(what => ['without the flush, p10', 'without the flush, p50', 'of these writing to the files, p50', 'the flush, p50'].map(part => `core: ${what} and store 300 bytes, ${part}`)),
  SAID, HEARD,
  'core: create a conversation, without the flush', 'core: join a conversation, without the flush', 'core: Argon2id and the end of OPAQUE',
];

async function enter(world, name) {
  const own = await world.ownBrowser();
  const page = await own.tab();
  const seen = await look(page);
  const person = { ...own, page, seen, name: username(name), password: password() };
  await on.register(page, own.url, person.name, person.password);
  return person;
}

export async function measure(world, rows) {
  const ann = await enter(world, 'ann');
  const ben = await enter(world, 'ben');

  await ben.seen.forget();
  await ann.seen.forget();
  await on.startChat(ann.page, ben.name);
  await on.openChat(ben.page, ann.name);
  const started = await ann.seen.noted();
  const create = spans(started, note => note.what === 'answered' && note.detail.endsWith('/claim'), note => note.what === 'asked').at(-1);
  rows.put('core: create a conversation, without the flush', create.all - create.disk, 'ms');
  const joining = spans(await ben.seen.noted(), note => note.what === 'frame', note => note.what === 'rest' || note.what === 'asked');
  rows.put('core: join a conversation, without the flush', Math.max(...joining.map(one => one.all - one.disk)), 'ms');

  await ann.seen.forget();
  await ben.seen.forget();
  const before = [worked(ann.page), worked(ben.page)];
  for (let round = 0; round < ROUNDS; round += 1) {
    const said = text('bench').padEnd(300, 'm');
    await on.send(ann.page, said);
    await on.shown(ben.page, said);
  }
  rows.put(SAID, (worked(ann.page) - before[0]) / ROUNDS, 'ms');
  rows.put(HEARD, (worked(ben.page) - before[1]) / ROUNDS, 'ms');
  const put = (name, found, aim) => {
    const durable = found.filter(one => one.flushes > 0);
    if (durable.length < ROUNDS * 0.9) throw new Error(`${name}: only ${durable.length} of ${ROUNDS} were seen`);
    const part = (what, of, place, most = null) => rows.put(`core: ${name} 300 bytes, ${what}`, at(durable.map(of), place), 'ms', most);
    // What it costs when nobody else wants the core: a browser, its other half, a server and this script share two.
    part('without the flush, p10', one => one.all - one.disk, 0.1);
    part('without the flush, p50', one => one.all - one.disk, 0.5, aim);
    part('of these writing to the files, p50', one => one.files, 0.5);
    part('the flush, p50', one => one.disk, 0.5);
  };
  put('encrypt and store', spans(await ann.seen.noted(), note => note.what === 'told' && note.detail === 'send', note => note.what === 'sent' && note.size > ROW), 0.6);
  put('decrypt and store', spans(await ben.seen.noted(), note => note.what === 'frame' && note.size > ROW, note => note.what === 'rest'), 0.6);

  const second = await world.ownBrowser();
  const page = await second.tab();
  const seen = await look(page);
  await on.login(page, second.url, ann.name, ann.password);
  await on.inside(page);
  const stretched = await until('the log-in to be seen', async () => spans(await seen.noted(), note => note.what === 'answered' && note.detail === '/auth/login/start', note => note.what === 'asked')[0]);
  rows.put('core: Argon2id and the end of OPAQUE', stretched.all, 'ms');
}
