// The clients of the official TypeScript SDK on `fanfare serve`: real files, real writes.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';

import { folder } from './folder.mjs';
import { CLIENTS, Peer } from './peers.mjs';
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

    await progresses(peer, content);
    assert.deepEqual(peer.errors, []);
  });
}

/** Calls `checksum`, which must tell of its progress up to the last byte, and then answer. */
async function progresses(peer, content) {
  const told = [];
  const result = await peer.call('checksum', { path: 'big.bin' }, (progress) => told.push(progress));
  assert(!result.isError, JSON.stringify(result));
  const digest = createHash('sha256').update(content).digest('hex');
  assert.equal(result.structuredContent.files[0].sha256, digest);

  const came = peer.wire.items
    .filter((message) => message.method === 'notifications/progress')
    .map((message) => message.params);
  assert(came.length > 1, JSON.stringify(came));
  for (let i = 1; i < came.length; i++) assert(came[i - 1].progress < came[i].progress);
  assert.deepEqual([came.at(-1).progress, came.at(-1).total], [content.length, content.length]);
  assert('result' in peer.wire.items.at(-1));
  assert(told.length > 0);
}
