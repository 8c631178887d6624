// The clients of the official TypeScript SDK on `fanfare serve`: real files, real writes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { folder } from './folder.mjs';
import { CLIENTS, Peer, progresses } from './peers.mjs';
import { undoing } from './waiting.mjs';

const FANFARE = process.env.FANFARE_BIN;
assert(FANFARE, 'FANFARE_BIN must name the fanfare program');

for (const kind of CLIENTS) {
  test(`${kind.name}, on a pipe, lists, subscribes, hears a write and sees progress`, async (t) => {
    const finally_ = undoing(t);
    const served = folder(finally_);
    served.write('notes.txt', 'one\n');
    const content = Buffer.alloc(8 << 20, randomBytes(1 << 20));
    served.write('big.bin', content);
    const notes = served.uri('notes.txt');
    const transport = new kind.stdio({ command: FANFARE, args: ['serve', served.path] });
    const peer = await Peer.connect(kind, transport);
    finally_(() => peer.close());

    assert.deepEqual((await peer.resources()).map(({ name }) => name).sort(), [
      'big.bin',
      'notes.txt',
    ]);
    await peer.subscribe(notes);
    assert.equal(peer.updates(notes), 0);
    served.add('notes.txt', 'two\n');
    await peer.hears(notes, 0);
    assert.equal(await peer.read(notes), 'one\ntwo\n');

    await progresses(peer, 'big.bin', content);
    assert.deepEqual(peer.errors, []);
  });
}
