// Everything a server gets and gives, in the clear: a relay that ends TLS with the server's own key and begins it again.
// It speaks HTTP/1.1 only, so that headers are not packed, and takes the masks off what a browser sends on a socket.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';

const END = Buffer.from('\r\n\r\n');

/** Takes the mask off every frame of a WebSocket stream (RFC 6455 §5.2); a frame that was cut off is dropped. */
export function unmask(stream) {
  const pieces = [];
  for (let at = 0; at + 2 <= stream.length;) {
    let length = stream[at + 1] & 0x7f;
    let head = at + 2;
    if (length === 126) {
      if (head + 2 > stream.length) break;
      length = stream.readUInt16BE(head);
      head += 2;
    } else if (length === 127) {
      if (head + 8 > stream.length) break;
      length = Number(stream.readBigUInt64BE(head));
      head += 8;
    }
    const masked = (stream[at + 1] & 0x80) !== 0;
    const mask = masked ? stream.subarray(head, head + 4) : null;
    if (masked) head += 4;
    if (head + length > stream.length) break;
    const payload = Buffer.from(stream.subarray(head, head + length));
    if (mask) for (let place = 0; place < payload.length; place += 1) payload[place] ^= mask[place & 3];
    pieces.push(payload);
    at = head + length;
  }
  return Buffer.concat(pieces);
}

export class Recorder {
  #streams = [];
  #sockets = new Set();
  #server = null;
  constructor({ port, host, target, certificates }) {
    Object.assign(this, { port, host, target });
    const read = name => readFileSync(join(certificates, name));
    this.own = { cert: read('cert.pem'), key: read('key.pem') };
    this.authority = read('ca.pem');
  }

  open() {
    const server = createServer({ ...this.own, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.3' }, near => {
      const far = connect({ port: this.port, host: this.target, servername: 'localhost', ca: this.authority, ALPNProtocols: ['http/1.1'] });
      const stream = { up: [], down: [] };
      this.#streams.push(stream);
      const end = () => { near.destroy(); far.destroy(); };
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.once('error', end).once('close', () => { this.#sockets.delete(socket); end(); });
      }
      near.on('data', bytes => stream.up.push(bytes)).pipe(far);
      far.on('data', bytes => stream.down.push(bytes)).pipe(near);
    });
    server.on('tlsClientError', () => {});
    this.#server = server;
    return new Promise((resolve, reject) => server.once('error', reject).listen(this.port, this.host, resolve));
  }

  async cut() {
    const closed = this.#server ? new Promise(resolve => this.#server.close(resolve)) : null;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Writes `http` and `socket`, what went up and what came down each; returns their sizes. */
  write(folder) {
    mkdirSync(folder, { recursive: true });
    const parts = { 'http-up': [], 'http-down': [], 'socket-up': [], 'socket-down': [] };
    for (const stream of this.#streams) {
      const [up, down] = [Buffer.concat(stream.up), Buffer.concat(stream.down)];
      const isSocket = /^upgrade: *websocket/im.test(up.subarray(0, 4_096).toString('latin1'));
      for (const [way, bytes] of [['up', up], ['down', down]]) {
        const cut = isSocket ? bytes.indexOf(END) + END.length : bytes.length;
        parts[`http-${way}`].push(bytes.subarray(0, cut));
        if (isSocket) parts[`socket-${way}`].push(unmask(bytes.subarray(cut)));
      }
    }
    return Object.fromEntries(Object.entries(parts).map(([name, all]) => {
      const bytes = Buffer.concat(all);
      writeFileSync(join(folder, name), bytes);
      return [name, bytes];
    }));
  }
}
