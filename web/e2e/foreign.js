// Where everything goes that is not meant for this machine: a proxy that forwards nothing and remembers who was asked for.
import { createServer } from 'node:http';

/** What browsers ask their makers for on their own; switched off as far as it goes, and no request of a page either way. */
const MAKERS = /(^|\.)(mozilla\.(org|com|net)|firefox\.com|google\.com|googleapis\.com|gstatic\.com|gvt1\.com|chromium\.org|example\.com|detectportal\.firefox\.com)(:\d+)?$/;

export class Foreign {
  asked = [];
  #server = createServer((request, response) => {
    this.#note(request.url);
    response.writeHead(403).end();
  });

  constructor() {
    this.#server.on('connect', (request, socket) => {
      this.#note(request.url);
      socket.on('error', () => {});
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
  }

  #note(target) {
    const host = target.includes('://') ? new URL(target).host : target;
    if (!MAKERS.test(host)) this.asked.push(target);
  }

  async start() {
    await new Promise(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = this.#server.address().port;
    return this;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise(resolve => this.#server.close(resolve));
  }
}
