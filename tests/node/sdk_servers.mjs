// Servers of the official TypeScript SDK, old and new, in this process.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server as Server2 } from '@modelcontextprotocol/server';
import { Server as Server1 } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SetLevelRequestSchema, SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { Record } from './waiting.mjs';

const INFO = { name: 'typescript', version: '1' };
const OPTIONS = { capabilities: { resources: { subscribe: true, listChanged: true }, logging: {} } };

/** Keeps the events of all streams for those who come back. */
class Events {
  constructor() {
    this.kept = [];
  }

  async storeEvent(stream, message) {
    return String(this.kept.push({ stream, message }));
  }

  async getStreamIdForEventId(id) {
    return this.kept[Number(id) - 1]?.stream;
  }

  async replayEventsAfter(id, { send }) {
    const { stream } = this.kept[Number(id) - 1];
    for (const [at, event] of this.kept.entries()) {
      const isDue = at >= Number(id) && event.stream === stream;
      // One without a method and an id only opens a stream.
      if (isDue && 'jsonrpc' in event.message) await send(String(at + 1), event.message);
    }
    return stream;
  }
}

/** A server for 2026-07-28. */
async function modern(finally_) {
  const asked = new Record();
  const handler = createMcpHandler(() => new Server2(INFO, OPTIONS), { legacy: 'reject' });
  finally_(() => handler.close());
  const url = await listening(finally_, toNodeHandler(handler));
  return { url, asked, updated: async (uri) => handler.notify.resourceUpdated(uri) };
}

/** A server with sessions: `connect` makes one that tells what it is asked. */
function legacy(Transport, connect) {
  return async (finally_, eventStore) => {
    const [asked, sessions] = [new Record(), new Map()];
    const newest = () => [...sessions.values()].at(-1);
    const url = await listening(finally_, async (request, response) => {
      const id = request.headers['mcp-session-id'];
      let transport = sessions.get(id)?.transport;
      if (!transport && id) return response.writeHead(404).end();
      if (!transport) {
        transport = new Transport({
          sessionIdGenerator: randomUUID,
          eventStore,
          onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
          onsessionclosed: (id) => asked.add({ closed: id }),
        });
        const server = connect(asked);
        await server.connect(transport);
      }
      await transport.handleRequest(request, response);
    });
    finally_(() => Promise.all([...sessions.values()].map(({ server }) => server.close())));
    const forget = () => sessions.clear();
    return { url, asked, forget, updated: (uri) => newest().server.sendResourceUpdated({ uri }) };
  };
}

function connect1(asked) {
  const server = new Server1(INFO, OPTIONS);
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => (asked.add(params), {}));
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => (asked.add(params), {}));
  return server;
}

function connect2(asked) {
  const server = new Server2(INFO, OPTIONS);
  server.setRequestHandler('resources/subscribe', ({ params }) => (asked.add(params), {}));
  server.setRequestHandler('logging/setLevel', ({ params }) => (asked.add(params), {}));
  return server;
}

async function listening(finally_, handler) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  finally_(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${server.address().port}/mcp`);
}

export const MODERN = { name: '@modelcontextprotocol/server', start: modern };
export const LEGACY = [
  { name: '@modelcontextprotocol/sdk', start: legacy(StreamableHTTPServerTransport, connect1) },
  {
    name: '@modelcontextprotocol/server',
    start: legacy(NodeStreamableHTTPServerTransport, connect2),
  },
];
export { Events };
