// Passes bytes on to a server, and can cut what it passes.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Proxy {
  /** Begins to pass on what is meant for `url`. */
  static async start(finally_, url) {
    const proxy = new Proxy(url);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.url = new URL(url);
    proxy.url.port = proxy.server.address().port;
    finally_(() => {
      proxy.cut();
      proxy.server.close();
    });
    return proxy;
  }

  constructor(url) {
    this.open = new Set();
    this.server = createServer((client) => {
      const server = connect(Number(url.port), url.hostname);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        this.open.add(from);
        from.pipe(to);
        // One side that is gone takes the other along; what it died of is nobody's concern.
        from.on('error', () => {});
        from.on('close', () => {
          this.open.delete(from);
          to.destroy();
        });
      }
    });
  }

  /** Cuts every connection in the middle of whatever it does; says how many there were. */
  cut() {
    const cut = this.open.size / 2;
    for (const socket of this.open) socket.destroy();
    return cut;
  }
}
