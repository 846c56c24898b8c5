// Searches everything a running server has for what only its users may know: database, write-ahead log, log, memory.
// A word the server legitimately holds is searched for in the same way and must be found, or the search proves nothing.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PUBLIC, SECRET } from './names.js';

const CHUNK = 8 << 20;

/** Every form in which a text is likely to stand in a file or in memory. */
export function forms(word) {
  const bytes = Buffer.from(word, 'latin1');
  const found = new Map([['as it is', bytes], ['as UTF-16', Buffer.from(word, 'utf16le')], ['as hex', Buffer.from(bytes.toString('hex'))], ['as HEX', Buffer.from(bytes.toString('hex').toUpperCase())]]);
  // Inside a longer text base64 begins at one of three places; the signs at both ends depend on the neighbours and are left out.
  for (let shift = 0; shift < 3; shift += 1) {
    for (const kind of ['base64', 'base64url']) {
      const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString(kind).replaceAll('=', '');
      const core = whole.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
      found.set(`as ${kind} at ${shift}`, Buffer.from(core));
    }
  }
  return found;
}

const SECRETS = forms(SECRET);
const MARKERS = forms(PUBLIC);

class Report {
  lines = [];
  #sums = new Map();
  add(kind, place, amount) {
    const key = `${kind} ${place}`;
    this.#sums.set(key, (this.#sums.get(key) ?? 0) + amount);
  }
  search(place, where, bytes, marker) {
    this.add('searched', place, bytes.length);
    for (const [form, needle] of SECRETS) {
      const at = bytes.indexOf(needle);
      if (at >= 0) this.lines.push(`found ${place} ${where} ${form}, at ${at}`);
    }
    for (const needle of marker) if (bytes.includes(needle)) this.add('marker', place, 1);
  }
  text() {
    return [...[...this.#sums].map(([key, sum]) => `${key} ${sum}`), ...this.lines].join('\n') + '\n';
  }
}

/** Searches one server; call it while the server runs. Returns how the lines of the report go on. */
export function searchServer(server, report = new Report()) {
  const names = [...MARKERS.values()];
  for (const entry of readdirSync(server.data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    report.search('database', relative(server.data, path), readFileSync(path), names);
  }
  if (existsSync(server.log)) report.search('log', 'server.log', readFileSync(server.log), [Buffer.from('ready')]);
  searchMemory(server.pid, (where, bytes) => report.search('memory', where, bytes, names));
  return report;
}

/** Hands every readable piece of a process's memory to `look`; pieces overlap so that nothing hides on a border. */
export function searchMemory(pid, look) {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const overlap = 256;
  try {
    for (const line of maps) {
      const [, from, to, rights, name] = line.match(/^(\w+)-(\w+) (\S+) \S+ \S+ \d+\s*(.*)$/);
      if (!rights.startsWith('r') || /^\[v(var|syscall|dso)/.test(name)) continue;
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      for (let at = start; at < end; at += CHUNK - overlap) {
        const piece = Buffer.alloc(Math.min(CHUNK, end - at));
        let read = 0;
        try {
          read = readSync(memory, piece, 0, piece.length, at);
        } catch {
          break; // The mapping went away or holds no pages.
        }
        look(name || 'anonymous', piece.subarray(0, read));
        if (at + piece.length >= end) break;
      }
    }
  } finally {
    closeSync(memory);
  }
}

export const newReport = () => new Report();
