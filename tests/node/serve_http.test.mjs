// The clients of the official TypeScript SDK on `fanfare serve --http`, over a line that is cut.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { folder } from './folder.mjs';
import { CLIENTS, MODERN, Peer, progresses, rising } from './peers.mjs';
import { serve } from './program.mjs';
import { Proxy } from './proxy.mjs';
import { undoing, within } from './waiting.mjs';

const FANFARE = process.env.FANFARE_BIN;
assert(FANFARE, 'FANFARE_BIN must name the fanfare program');

for (const kind of CLIENTS) {
  test(`${kind.name}, over HTTP, hears of the next write after its line was cut`, async (t) => {
    const finally_ = undoing(t);
    const served = folder(finally_);
    for (const name of ['notes.txt', 'later.txt']) served.write(name, 'one\n');
    const content = Buffer.alloc(8 << 20, randomBytes(1 << 20));
    served.write('big.bin', content);
    const [notes, later] = [served.uri('notes.txt'), served.uri('later.txt')];

    const { url } = await serve(finally_, serveHttp(served));
    const proxy = await Proxy.start(finally_, url);
    const peer = await Peer.connect(kind, new kind.http(proxy.url));
    finally_(() => peer.close());
    assert.equal(revision(peer), kind.revision);

    assert.deepEqual((await peer.resources()).map(({ name }) => name).sort(), [
      'big.bin',
      'later.txt',
      'notes.txt',
    ]);
    const subscription = await peer.subscribe(notes, later);
    assert.equal(peer.updates(notes), 0);
    served.add('notes.txt', 'two\n');
    await peer.hears(notes, 0);
    assert.equal(await peer.read(notes), 'one\ntwo\n');
    await progresses(peer, 'big.bin', content);
    assert.deepEqual(peer.errors, []);

    // The line is cut while a call is under way, which has told of its progress once.
    const begun = peer.wire.items.length;
    let cut = 0;
    const onprogress = () => {
      cut ||= proxy.cut();
    };
    const giveUp = new AbortController();
    const call = peer.call('wait', { seconds: 1 }, { onprogress, signal: giveUp.signal });
    if (peer.modern) {
      // Nothing can be resumed (R58): both are lost. The client tells that of the subscription,
      // and listens anew; of the call it leaves it to a timeout.
      const lost = assert.rejects(call);
      assert.equal(await within('the end of the subscription', subscription.closed), 'remote');
      giveUp.abort();
      await within('the end of the call', lost);
      await peer.subscribe(later);
    } else {
      // It takes up the stream of the call where it was, and misses nothing (R30, R32).
      const result = await within('the result of the call', call);
      assert(!result.isError, JSON.stringify(result));
      assert.equal(rising(peer, begun).at(-1).progress, 10);
    }
    assert(cut > 0, 'nothing was cut');
    assert.equal(peer.updates(later), 0);
    served.add('later.txt', 'two\n');
    await peer.hears(later, 0);
    assert.equal(await peer.read(later), 'one\ntwo\n');
  });
}

for (const kind of CLIENTS.filter(({ revision }) => revision === MODERN)) {
  test(`${kind.name}, over HTTP, is told that the server ends`, async (t) => {
    const finally_ = undoing(t);
    const served = folder(finally_);
    served.write('notes.txt', 'one\n');
    const { url, end } = await serve(finally_, serveHttp(served));
    const peer = await Peer.connect(kind, new kind.http(url));
    finally_(() => peer.close());
    const subscription = await peer.subscribe(served.uri('notes.txt'));
    await end();
    assert.equal(await within('the end of the subscription', subscription.closed), 'graceful');
  });
}

function serveHttp(served) {
  return [FANFARE, 'serve', served.path, '--http', '127.0.0.1:0'];
}

function revision(peer) {
  return peer.sdk.getNegotiatedProtocolVersion?.() ?? peer.sdk.transport.protocolVersion;
}
