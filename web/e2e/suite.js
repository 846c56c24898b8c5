// What the programs here share: the folder of the run, the trusted authority, the proxy for everything foreign.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, quit } from './browser.js';
import { Foreign } from './foreign.js';
import { newReport } from './readable.js';
import { freePort, Server } from './server.js';
import { World } from './world.js';

export class Suite {
  #browsers = 0;
  constructor({ kind, binary, plant = null }) {
    Object.assign(this, { kind, binary, plant, folder: mkdtempSync(join(tmpdir(), 'sotto-run-')), report: newReport() });
  }

  async open() {
    // One data folder makes the authority; every server of the run uses its certificates.
    const first = new Server({ binary: this.binary, folder: join(this.folder, 'authority'), ports: [await freePort()] });
    await first.start();
    await first.stop();
    Object.assign(this, { certificates: first.data, authority: first.authority });
    return this.#begin();
  }

  async #begin() {
    this.foreign = await new Foreign().start();
    this.browser = await this.launch();
    return this;
  }

  /** A second one that trusts the same authority and writes into the same report, with a browser and a proxy of its own. */
  async beside() {
    const other = new Suite({ kind: this.kind, binary: this.binary, plant: this.plant });
    const { certificates, authority, report } = this;
    return Object.assign(other, { certificates, authority, report }).#begin();
  }

  launch(options = {}) {
    this.#browsers += 1;
    return launch(this.kind, { folder: join(this.folder, `browser-${this.#browsers}`), authority: this.authority, proxy: this.foreign.port, ...options });
  }

  /** A browser that has seen a failure may carry it on. */
  async fresh() {
    await quit(this.browser);
    this.browser = await this.launch();
  }

  world() {
    const { browser, kind, binary, certificates, report, plant } = this;
    return new World({ browser, kind, binary, certificates, report, plant, launch: options => this.launch(options) });
  }

  async close() {
    await quit(this.browser);
    await this.foreign.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
