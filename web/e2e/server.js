// The release binary on a port of its own, with a data folder of its own: started, stopped, killed, started again.
import { spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './until.js';

const given = new Set();

/** A port that was free a moment ago, and that nobody else in this run was given. */
export const freePort = () => new Promise((resolve, reject) => {
  const probe = createServer();
  probe.once('error', reject);
  probe.listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    const fresh = !given.has(port);
    given.add(port);
    probe.close(() => resolve(fresh ? port : freePort()));
  });
});

/** Nothing outlives the suite, however it ends. */
const running = new Set();
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')));

export class Server {
  #child = null;
  /** Ports one may be reached by; `host` is where the server itself listens. */
  constructor({ binary, folder, ports, host = '127.0.0.1', options = [] }) {
    Object.assign(this, { binary, folder, ports, host, options, data: join(folder, 'data'), log: join(folder, 'server.log'), starts: 0 });
    mkdirSync(folder, { recursive: true });
  }

  /** Where a browser goes. */
  url(place = 0) {
    return `https://localhost:${this.ports[place]}`;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** The certificate of the authority that this data folder made for itself. */
  get authority() {
    const folder = join(this.data, 'certs');
    const name = readdirSync(folder).find(file => /ca.*\.(pem|crt)$/.test(file) && !/key/.test(file));
    if (!name) throw new Error(`no authority in ${folder}: ${readdirSync(folder)}`);
    return join(folder, name);
  }

  /** Takes over the certificates of another folder, so that one trusted authority serves many servers. */
  certificatesFrom(folder) {
    mkdirSync(this.data, { recursive: true, mode: 0o700 });
    cpSync(join(folder, 'certs'), join(this.data, 'certs'), { recursive: true, preserveTimestamps: true });
  }

  async start() {
    if (this.#child) throw new Error('already running');
    const before = this.output().length;
    const listen = this.ports.flatMap(port => ['--listen', `${this.host}:${port}`]);
    const out = openSync(this.log, 'a');
    const child = spawn(this.binary, ['serve', '--data-dir', this.data, ...listen, ...this.options], { stdio: ['ignore', out, out] });
    closeSync(out);
    this.#child = child;
    this.starts += 1;
    running.add(child);
    child.once('exit', () => {
      running.delete(child);
      if (this.#child === child) this.#child = null;
    });
    await until('the server to say ready', () => {
      if (!this.#child) throw new Error(`the server ended:\n${this.output().slice(before)}`);
      return /^ready\b/m.test(this.output().slice(before));
    }, { within: 20_000, every: 5 });
    return this;
  }

  output() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : '';
  }

  /** Resolves when the process is gone. */
  #end(signal, deadline) {
    const child = this.#child;
    if (!child) return Promise.resolve();
    child.kill(signal);
    return until(`the server to end after ${signal}`, () => this.#child === null, { within: deadline, every: 2 });
  }

  /** No last words: what was not durable is lost. */
  kill() {
    return this.#end('SIGKILL', 5_000);
  }

  /** Politely. */
  stop() {
    return this.#end('SIGTERM', 12_000);
  }

  async remove() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
