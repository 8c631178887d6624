// The official conformance suite against the fixture server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { serve } from './program.mjs';

const FIXTURE = process.env.FANFARE_CONFORMANCE;
assert(FIXTURE, 'FANFARE_CONFORMANCE must name the fixture server');

const SUITE = fileURLToPath(
  new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

/** What must pass, by the revision that it is run at. */
const REQUIRED = {
  '2026-07-28': [
    'server-stateless',
    'tools-list',
    'tools-call-simple-text',
    'tools-call-error',
    'tools-call-with-progress',
    'server-sse-multiple-streams',
    'resources-list',
    'resources-read-text',
    'resources-read-binary',
    'resources-templates-read',
    'sep-2164-resource-not-found',
    'prompts-list',
    'dns-rebinding-protection',
    'caching',
  ],
  '2025-11-25': [
    'server-initialize',
    'ping',
    'logging-set-level',
    'tools-list',
    'tools-call-simple-text',
    'tools-call-with-logging',
    'tools-call-with-progress',
    'tools-call-error',
    'server-sse-multiple-streams',
    'server-sse-polling',
    'resources-list',
    'resources-read-text',
    'resources-read-binary',
    'resources-templates-read',
    'resources-subscribe',
    'resources-unsubscribe',
    'prompts-list',
    'dns-rebinding-protection',
  ],
};

/** What is run to see how it does, whether or not it is for that revision. The suite's authors do
 * not hold a server to these yet; that of the tasks is still to be written. */
const REPORTED = { '2026-07-28': ['http-header-validation', 'tasks-status-notifications'] };

/** What the suite writes down without judging it. Anything else that it only notes, it could not
 * try, and for a scenario that must pass that is not enough. */
const NOTES = new Set([
  'incoming-response',
  'incoming-sse-event',
  'outgoing-request',
  'stream-closed',
]);
/** At 2026-07-28 a result that comes first is JSON, so there are no streams to look at. */
const FUNCTIONAL_STREAMS = 'server-sse-streams-functional';

/** The check that every message of the server fits the revision's schema; a scenario has it if the
 * suite could read along. */
const SCHEMA = 'wire-schema-valid';
/** The revisions at which it could. */
const read = new Set();

let url;
const undo = [];
before(async () => {
  ({ url } = await serve((action) => undo.push(action), [FIXTURE], (child) => child.stdin.end()));
});
after(async () => {
  for (const action of undo) await action();
});

for (const [revision, scenarios] of Object.entries(REQUIRED)) {
  for (const scenario of scenarios) {
    test(`${scenario}, ${revision}`, async () => {
      const { checks, output } = await run(scenario, revision);
      const amiss = checks.filter(({ id, status }) => {
        if (status === 'SUCCESS') return false;
        if (status !== 'INFO') return true;
        return !NOTES.has(id) && !(id === FUNCTIONAL_STREAMS && revision === '2026-07-28');
      });
      assert.deepEqual(amiss, [], output);
      assert(succeeded(checks) > 0, output);
    });
  }
}

for (const [revision, scenarios] of Object.entries(REPORTED)) {
  for (const scenario of scenarios) {
    test(`${scenario}, ${revision}, for information`, async (t) => {
      const { checks, output } = await run(scenario, revision, '--force');
      for (const { id, status, errorMessage } of checks) {
        if (status !== 'SUCCESS') t.diagnostic(`${scenario}: ${status} ${id}: ${errorMessage}`);
      }
      t.diagnostic(`${scenario}: ${succeeded(checks)} of ${checks.length} checks succeeded`);
      assert(checks.length > 0, output);
      const schema = checks.filter(({ id }) => id === SCHEMA);
      assert(schema.every(({ status }) => status === 'SUCCESS'), output);
    });
  }
}

test('what the server sent was held against the schema of each revision', () => {
  assert.deepEqual([...read].sort(), Object.keys(REQUIRED).sort());
});

test('a scenario that the fixture has nothing for fails', async () => {
  const { checks } = await run('tools-call-image', '2026-07-28');
  assert(checks.some(({ status }) => status === 'FAILURE'));
});

/** Runs a scenario, and gives its checks: all that it found. */
async function run(scenario, revision, ...more) {
  const results = mkdtempSync(join(tmpdir(), 'fanfare-conformance-'));
  try {
    const args = ['server', '--url', url.href, '--scenario', scenario];
    args.push('--spec-version', revision, '--output-dir', results, ...more);
    const output = await new Promise((resolve) => {
      execFile(process.execPath, [SUITE, ...args], (error, stdout, stderr) =>
        resolve(`${error ? `${error.message}\n` : ''}${stdout}${stderr}`),
      );
    });
    const folders = readdirSync(results);
    assert.equal(folders.length, 1, output);
    const checks = JSON.parse(readFileSync(join(results, folders[0], 'checks.json'), 'utf8'));
    if (checks.some(({ id }) => id === SCHEMA)) read.add(revision);
    return { checks, output };
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

function succeeded(checks) {
  return checks.filter(({ status }) => status === 'SUCCESS').length;
}
