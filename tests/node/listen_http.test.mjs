// `fanfare listen --http` on servers of the official TypeScript SDK, over a line that is cut.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'node:test';

import { Proxy } from './proxy.mjs';
import { Events, LEGACY, MODERN } from './sdk_servers.mjs';
import { Record, undoing, within } from './waiting.mjs';

const FANFARE = process.env.FANFARE_BIN;
assert(FANFARE, 'FANFARE_BIN must name the fanfare program');

const MINE = 'note:///mine';
const AGAIN = 'listening again';
const MISSED = 'something may have been missed';

/** A running `fanfare listen --http`. */
class Listener {
  constructor(finally_, url, ...flags) {
    const quickly = ['--retry-delay', '20', '--retry-max-delay', '200', '--retries', '50'];
    const args = ['listen', '--json', ...quickly, ...flags, '--http', url.href];
    this.child = spawn(FANFARE, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.exit = once(this.child, 'exit');
    finally_(() => this.child.kill('SIGKILL'));
    this.printed = new Record();
    this.said = new Record();
    const lines = (from) => createInterface({ input: from });
    lines(this.child.stdout).on('line', (line) => this.printed.add(JSON.parse(line)));
    lines(this.child.stderr).on('line', (line) => this.said.add(line));
  }

  /** Waits for as many notifications of that type; what else was printed does not matter. */
  async hears(type, times) {
    const heard = await this.printed.until(`${type}, ${times} times`, (items) => {
      const found = items.filter(({ method }) => method === `notifications/${type}`);
      return found.length >= times && found;
    });
    assert.equal(heard.length, times);
    return heard.map(({ params }) => params);
  }

  says(text, times = 1) {
    return this.said.until(`${text}, ${times} times; heard ${JSON.stringify(this.printed.items)}`, (lines) => {
      return lines.filter((line) => line.includes(text)).length >= times;
    });
  }

  /** Ctrl-C, after which it must end, and well. */
  async interrupt() {
    this.child.kill('SIGINT');
    assert.deepEqual(await within('the end of the listener', this.exit), [0, null]);
  }
}

test(`hears a modern ${MODERN.name}, and listens again`, async (t) => {
  const finally_ = undoing(t);
  const server = await MODERN.start(finally_);
  const proxy = await Proxy.start(finally_, server.url);
  const listener = new Listener(finally_, proxy.url, '--resource', MINE);
  for (let times = 1; times <= 4; times++) {
    const acknowledged = await listener.hears('subscriptions/acknowledged', times);
    assert.deepEqual(acknowledged.at(-1).notifications, { resourceSubscriptions: [MINE] });
    await server.updated('note:///other');
    await server.updated(MINE);
    const heard = await listener.hears('resources/updated', times);
    assert.equal(heard.at(-1).uri, MINE);
    if (times === 1) await listener.says('listening to typescript 1 in 2026-07-28');
    if (times === 4) break;
    assert(proxy.cut());
    await listener.says(`${AGAIN}; ${MISSED}`, times);
  }
  await listener.interrupt();
});

for (const { name, start } of LEGACY) {
  const flags = ['--resource', MINE, '--log', 'error'];

  test(`takes up the numbered stream of ${name} where it was left`, async (t) => {
    const finally_ = undoing(t);
    const server = await start(finally_, new Events());
    const proxy = await Proxy.start(finally_, server.url);
    const listener = new Listener(finally_, proxy.url, ...flags);
    await listener.says('listening to typescript 1 in 2025-11-25');
    assert.deepEqual(server.asked.items, [{ uri: MINE }, { level: 'error' }]);
    await server.updated(`${MINE}/0`);
    await listener.hears('resources/updated', 1);
    const expected = [`${MINE}/0`];
    for (let times = 1; times <= 3; times++) {
      assert(proxy.cut());
      for (let number = 0; number < 3; number++) {
        expected.push(`${MINE}/${times}.${number}`);
        await server.updated(expected.at(-1));
      }
      const heard = await listener.hears('resources/updated', expected.length);
      assert.deepEqual(
        heard.map(({ uri }) => uri),
        expected,
      );
      await listener.says(`${AGAIN}, from event`, times);
    }
    assert(!listener.said.items.join('\n').includes(MISSED));
    await listener.interrupt();
    await server.asked.until('the end of the session', (items) => items.some(({ closed }) => closed));
  });

  test(`opens the stream of ${name} anew, and another session when it is over`, async (t) => {
    const finally_ = undoing(t);
    const server = await start(finally_);
    const proxy = await Proxy.start(finally_, server.url);
    const listener = new Listener(finally_, proxy.url, ...flags);
    await listener.says('listening to typescript 1 in 2025-11-25');
    await server.updated(MINE);
    await listener.hears('resources/updated', 1);
    assert(proxy.cut());
    await listener.says(`${AGAIN}; ${MISSED}`);
    await server.updated(MINE);
    await listener.hears('resources/updated', 2);
    server.forget();
    assert(proxy.cut());
    await listener.says('the server has ended the session');
    await listener.says(`${AGAIN}; ${MISSED}`, 2);
    await server.updated(MINE);
    await listener.hears('resources/updated', 3);
    await listener.interrupt();
  });
}
