// A server in a process of its own, which says on stderr where it listens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { within } from './waiting.mjs';

const terminate = (child) => child.kill('SIGTERM');

/** Starts it, and gives the URL, and what tells it to stop and waits for its end. At the end of the
 * test that is done, if it was not before. It must end well. */
export async function serve(finally_, [command, ...args], stop = terminate) {
  const child = spawn(command, args, { stdio: ['pipe', 'inherit', 'pipe'] });
  const exit = once(child, 'exit');
  const url = new Promise((resolve, reject) => {
    const said = createInterface({ input: child.stderr });
    said.on('line', (line) => {
      const found = line.match(/^listening on (\S+)$/);
      if (found) resolve(new URL(found[1]));
      else console.error(line);
    });
    said.on('close', () => reject(new Error(`${command} ended before it listened`)));
  });
  const end = async () => {
    stop(child);
    const [code, signal] = await within(`the end of ${command}`, exit);
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
  };
  finally_(end);
  return { url: await within(`the URL of ${command}`, url), end };
}
