// One case: its own server, its own people, and everything that must not have happened by its end.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPage, quit, watchRequests } from './browser.js';
import { password, username } from './names.js';
import * as on from './page.js';
import { searchServer } from './readable.js';
import { Recorder } from './recorder.js';
import { Relay } from './relay.js';
import { freePort, Server } from './server.js';

export class World {
  complaints = [];
  foreign = [];
  people = [];
  relays = [];
  /** What a case wants to be told beside its verdict. */
  notes = [];
  #cleanup = [];

  constructor(given) {
    Object.assign(this, given);
  }

  /**
   * `lines`: how many lines of their own people can be given; 0 means that all reach the server directly. With `recorded` the
   * one line there is keeps every byte.
   */
  async open({ lines = 0, options = [], recorded = false } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-e2e-'));
    const ports = [];
    for (let count = 0; count < Math.max(1, lines); count += 1) ports.push(await freePort());
    const host = lines ? '127.0.0.2' : '127.0.0.1';
    this.server = new Server({ binary: this.binary, folder, ports, host, options });
    this.server.certificatesFrom(this.certificates);
    await this.server.start();
    const ends = { host: '127.0.0.1', target: host };
    if (recorded) {
      this.recorder = new Recorder({ port: ports[0], ...ends, certificates: join(this.server.data, 'certs') });
      this.relays = [this.recorder];
    } else if (lines) this.relays = ports.map(port => new Relay({ port, ...ends }));
    for (const relay of this.relays) await relay.open();
    return this;
  }

  /** A browser of its own for somebody: nothing in it yet. */
  async newBrowser(line = 0) {
    const context = await this.browser.createBrowserContext();
    this.#cleanup.push(() => context.close());
    const url = this.server.url(line);
    return { context, url, tab: () => this.tab(context, url) };
  }

  /** A browser with a profile on the disk, as a person's own has: what a context of its own keeps lies elsewhere and is slower. */
  async ownBrowser() {
    const browser = await this.launch();
    this.#cleanup.push(() => quit(browser));
    const context = browser.defaultBrowserContext();
    const url = this.server.url(0);
    return { context, url, tab: () => this.tab(context, url) };
  }

  async tab(context, url) {
    const page = await openPage(context, this.complaints);
    watchRequests(page, url, this.foreign);
    return page;
  }

  /** Somebody who has registered and looks at the page. */
  async person(name, { line = 0, stay = false, exactly = null, profile = false } = {}) {
    const own = profile ? await this.ownBrowser() : await this.newBrowser(line);
    const person = { ...own, name: exactly ?? username(name), password: password(), page: await own.tab() };
    person.kit = await on.register(person.page, own.url, person.name, person.password, { stay });
    this.people.push(person);
    return person;
  }

  /** Two people who have exchanged one message each way. */
  async pair(options = [{}, {}]) {
    const ann = await this.person('ann', options[0]);
    const ben = await this.person('ben', options[1]);
    await on.startChat(ann.page, ben.name);
    await on.openChat(ben.page, ann.name);
    return [ann, ben];
  }

  /** What has to be true at the end of every case. */
  async check() {
    const wrong = [...this.complaints, ...this.foreign.map(url => `foreign request: ${url}`)];
    if (this.server?.pid) searchServer(this.server, this.report);
    if (wrong.length) throw new Error(`the page did what it must not:\n  ${[...new Set(wrong)].slice(0, 12).join('\n  ')}`);
  }

  async close() {
    for (const end of this.#cleanup.reverse()) await end().catch(() => {});
    for (const relay of this.relays) await relay.cut();
    await this.server?.remove();
  }
}
