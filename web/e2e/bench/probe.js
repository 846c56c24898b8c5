// What the core's worker does, seen at its borders: what comes in and goes out, when it has come to rest, and how long it waited for
// the disk. Nothing of it is in the product: the page makes its worker from a blob, and there the probe is put before the first line.
import { beforeWorkers } from '../browser.js';
import { within } from '../until.js';

const CHANNEL = 'bench';
const PATIENCE = 15_000;

/** Runs in the worker before anything else of it. */
function probe(channel) {
  const noted = [];
  let [disk, flushes, files] = [0, 0, 0];
  const note = (what, detail = '', size = 0) => noted.push({ at: performance.now(), disk, flushes, files, what, detail, size });
  // The core works off all that it was given in a microtask, which the listener starts: this one comes behind it.
  const between = (hear, tell) => event => {
    tell(event);
    hear(event);
    queueMicrotask(() => note('rest'));
  };
  const Files = FileSystemSyncAccessHandle.prototype;
  const waits = (name, count) => {
    const real = Files[name];
    Files[name] = function waited(...given) {
      const start = performance.now();
      const answer = real.apply(this, given);
      count(performance.now() - start);
      return answer;
    };
  };
  waits('flush', took => {
    disk += took;
    flushes += 1;
  });
  for (const name of ['read', 'write', 'truncate']) waits(name, took => { files += took; });
  const listen = addEventListener.bind(globalThis);
  globalThis.addEventListener = (kind, hear, ...rest) => listen(kind, kind !== 'message' ? hear : between(hear, ({ data }) => {
    if (data.t === 'run') note('told', data.asked.command);
  }), ...rest);
  const Socket = WebSocket;
  globalThis.WebSocket = class WebSocket extends Socket {
    addEventListener(kind, hear, ...rest) {
      super.addEventListener(kind, kind !== 'message' ? hear : between(hear, ({ data }) => note('frame', '', data.byteLength)), ...rest);
    }

    send(data) {
      note('sent', '', data.byteLength);
      super.send(data);
    }
  };
  const ask = fetch;
  globalThis.fetch = async (address, init) => {
    const path = new URL(address).pathname;
    note('asked', path);
    const answer = await ask(address, init);
    const body = answer.arrayBuffer.bind(answer);
    answer.arrayBuffer = async () => {
      const bytes = await body();
      note('answered', path, bytes.byteLength);
      return bytes;
    };
    return answer;
  };
  const asked = new BroadcastChannel(channel);
  asked.onmessage = ({ data }) => {
    if (data === 'forget') noted.length = 0;
    asked.postMessage({ noted });
  };
}

/** Runs in the page: a word to the probe, and its notes. */
const tell = ([channel, word]) => new Promise(resolve => {
  const line = new BroadcastChannel(channel);
  line.onmessage = ({ data }) => {
    if (!data.noted) return;
    line.close();
    resolve(data.noted);
  };
  line.postMessage(word);
});

/** Looks at every worker that this page makes from its next address on. */
export async function look(page) {
  await beforeWorkers(page, `(${probe})(${JSON.stringify(CHANNEL)});\n`);
  const say = word => within(PATIENCE, 'the probe', page.evaluate(tell, [CHANNEL, word]));
  return { noted: () => say('notes'), forget: () => say('forget') };
}

/**
 * From each note that `begins` to the next one that `ends`: milliseconds in all, those of them that went to flushing (and how often
 * that was), and those to reading and writing the files.
 */
export function spans(noted, begins, ends) {
  const found = [];
  noted.forEach((start, place) => {
    if (!begins(start)) return;
    const end = noted.slice(place + 1).find(ends);
    if (!end) return;
    const since = name => end[name] - start[name];
    found.push({ all: since('at'), disk: since('disk'), flushes: since('flushes'), files: since('files') });
  });
  return found;
}
