// The clients of the official TypeScript SDK, old and new, behind one face.
//
// Where the two releases differ (how a client is made, how it says what it wants to hear) this
// file knows, and the tests do not.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import * as two from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioTwo } from '@modelcontextprotocol/client/stdio';
import * as one from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioOne } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HttpOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Record } from './waiting.mjs';

const ME = { name: 'fanfare-tests', version: '1' };

export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';

/** Every client that is connected: what it is, the revision that it must come to, and how it is
 * made. */
export const CLIENTS = [
  {
    name: 'sdk 1.32.2',
    revision: LEGACY,
    make: () => new one.Client(ME),
    stdio: StdioOne,
    http: HttpOne,
  },
  {
    name: 'client 2.4.0, legacy',
    revision: LEGACY,
    make: () => new two.Client(ME, { versionNegotiation: { mode: 'legacy' } }),
    stdio: StdioTwo,
    http: two.StreamableHTTPClientTransport,
  },
  {
    name: 'client 2.4.0, auto',
    revision: MODERN,
    make: () => new two.Client(ME, { versionNegotiation: { mode: 'auto' } }),
    stdio: StdioTwo,
    http: two.StreamableHTTPClientTransport,
  },
  {
    name: 'client 2.4.0, 2026-07-28',
    revision: MODERN,
    make: () => new two.Client(ME, { versionNegotiation: { mode: { pin: MODERN } } }),
    stdio: StdioTwo,
    http: two.StreamableHTTPClientTransport,
  },
];

/** One connected client, and all that it heard. */
export class Peer {
  static async connect(kind, transport) {
    const peer = new Peer(kind);
    // Both releases call what is there already before they look at a message themselves.
    transport.onmessage = (message) => peer.wire.add(message);
    await peer.sdk.connect(transport);
    return peer;
  }

  constructor(kind) {
    this.kind = kind;
    this.modern = kind.revision === MODERN;
    this.sdk = kind.make();
    /** Every message that came, in the order in which it came. */
    this.wire = new Record();
    /** The notifications that the SDK handed on. */
    this.heard = new Record();
    /** What the SDK found amiss. */
    this.errors = [];
    this.sdk.fallbackNotificationHandler = async (message) => this.heard.add(message);
    this.sdk.onerror = (error) => {
      // It looks at notifications a moment later than at responses. So the progress that comes in
      // one piece with the response, it finds to be of no request.
      if (!error.message.includes('progress notification for an unknown token')) {
        this.errors.push(error);
      }
    };
  }

  async resources() {
    return (await this.sdk.listResources()).resources;
  }

  async read(uri) {
    return (await this.sdk.readResource({ uri })).contents[0].text;
  }

  /** Subscribes to resources, in the way of the era. Gives the SDK's own handle where there is
   * one. */
  async subscribe(...uris) {
    if (this.modern) return this.sdk.listen({ resourceSubscriptions: uris });
    for (const uri of uris) await this.sdk.subscribeResource({ uri });
    return undefined;
  }

  call(name, args, options) {
    const params = { name, arguments: args };
    return this.sdk instanceof one.Client
      ? this.sdk.callTool(params, undefined, options)
      : this.sdk.callTool(params, options);
  }

  /** How often the client was told that the resource changed. */
  updates(uri) {
    return this.heard.items.filter(
      (message) =>
        message.method === 'notifications/resources/updated' && message.params.uri === uri,
    ).length;
  }

  /** Waits until it was told so more often than `before`. */
  async hears(uri, before) {
    await this.heard.until(`resources/updated of ${uri}`, () => this.updates(uri) > before);
  }

  /** Says goodbye where there is a session to end, and goes. */
  async close() {
    await this.sdk.transport?.terminateSession?.();
    await this.sdk.close();
  }
}

/** Calls `checksum` on a file of that content, which must tell of its progress up to the last byte,
 * and then answer. */
export async function progresses(peer, path, content) {
  const begun = peer.wire.items.length;
  const told = [];
  const onprogress = (progress) => told.push(progress);
  const result = await peer.call('checksum', { path }, { onprogress });
  assert(!result.isError, JSON.stringify(result));
  const digest = createHash('sha256').update(content).digest('hex');
  assert.equal(result.structuredContent.files[0].sha256, digest);

  const came = rising(peer, begun);
  assert.deepEqual([came.at(-1).progress, came.at(-1).total], [content.length, content.length]);
  assert('result' in peer.wire.items.at(-1));
  assert(told.length > 0);
}

/** The progress among what came after the first `begun` messages: more than one, and rising. */
export function rising(peer, begun) {
  const came = peer.wire.items
    .slice(begun)
    .filter(({ method }) => method === 'notifications/progress')
    .map(({ params }) => params);
  assert(came.length > 1, JSON.stringify(came));
  for (let i = 1; i < came.length; i++) assert(came[i - 1].progress < came[i].progress);
  return came;
}
