// A plain TCP relay before the server: one person's line can be cut while the others' stand. It sees only TLS.
import { connect, createServer } from 'node:net';

export class Relay {
  #pairs = new Set();
  #server = null;
  constructor({ port, host, target }) {
    Object.assign(this, { port, host, target });
  }

  /** Lets connections through (again). */
  open() {
    if (this.#server) return Promise.resolve();
    const server = createServer(near => {
      const far = connect(this.port, this.target);
      const pair = [near, far];
      this.#pairs.add(pair);
      const end = () => {
        this.#pairs.delete(pair);
        for (const socket of pair) socket.destroy();
      };
      for (const socket of pair) socket.once('error', end).once('close', end).setNoDelay(true);
      near.pipe(far);
      far.pipe(near);
    });
    this.#server = server;
    return new Promise((resolve, reject) => server.once('error', reject).listen(this.port, this.host, resolve));
  }

  /** Cuts every connection and refuses new ones. */
  async cut() {
    const server = this.#server;
    this.#server = null;
    const closed = server ? new Promise(resolve => server.close(resolve)) : null;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await closed;
  }

  /** Connections that stand at this moment. */
  get count() {
    return this.#pairs.size;
  }
}
