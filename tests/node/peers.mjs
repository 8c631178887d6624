// The clients of the official TypeScript SDK, old and new, behind one face.
//
// Where the two releases differ (how a client is made, how it says what it wants to hear) this
// file knows, and the tests do not.

import * as two from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioTwo } from '@modelcontextprotocol/client/stdio';
import * as one from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioOne } from '@modelcontextprotocol/sdk/client/stdio.js';

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
  },
  {
    name: 'client 2.4.0, legacy',
    revision: LEGACY,
    make: () => new two.Client(ME, { versionNegotiation: { mode: 'legacy' } }),
    stdio: StdioTwo,
  },
  {
    name: 'client 2.4.0, auto',
    revision: MODERN,
    make: () => new two.Client(ME, { versionNegotiation: { mode: 'auto' } }),
    stdio: StdioTwo,
  },
  {
    name: 'client 2.4.0, 2026-07-28',
    revision: MODERN,
    make: () => new two.Client(ME, { versionNegotiation: { mode: { pin: MODERN } } }),
    stdio: StdioTwo,
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

  /** Subscribes to a resource, in the way of the era. Gives the SDK's own handle where there is
   * one. */
  async subscribe(uri) {
    if (this.modern) return this.sdk.listen({ resourceSubscriptions: [uri] });
    await this.sdk.subscribeResource({ uri });
    return undefined;
  }

  call(name, args, onprogress) {
    const params = { name, arguments: args };
    return this.sdk instanceof one.Client
      ? this.sdk.callTool(params, undefined, { onprogress })
      : this.sdk.callTool(params, { onprogress });
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

  async close() {
    await this.sdk.close();
  }
}
