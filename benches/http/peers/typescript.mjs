// The TypeScript SDK's server, both eras on `/mcp`, as its users would write one: it keeps who of the
// older revisions has subscribed, and tells them in a loop, since the SDK does so for listens alone.
//
// It speaks as the benchmark's own servers do: it prints where it listens, and raises as it is told on
// standard input, a line at a time. Its arguments are the URIs of the resources.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

const URIS = process.argv.slice(2);
const INFO = { name: 'typescript', version: '1' };
const OPTIONS = { capabilities: { resources: { subscribe: true } } };

// As many as are measured: it refuses more than 1,024 unless it is told otherwise.
const modern = createMcpHandler(() => new Server(INFO, OPTIONS), {
  legacy: 'reject',
  maxSubscriptions: 100_000,
});
const serveModern = toNodeHandler(modern);

/** The older revisions' sessions, by id, and who has subscribed to what. */
const sessions = new Map();
const subscribers = new Map(URIS.map((uri) => [uri, new Set()]));

async function serveLegacy(request, response) {
  const id = request.headers['mcp-session-id'];
  let transport = sessions.get(id);
  if (!transport && id) return response.writeHead(404).end();
  if (!transport) {
    transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const server = new Server(INFO, OPTIONS);
    server.setRequestHandler('resources/subscribe', ({ params }) => {
      subscribers.get(params.uri).add(server);
      return {};
    });
    await server.connect(transport);
  }
  await transport.handleRequest(request, response);
}

async function raise(uri) {
  await modern.notify.resourceUpdated(uri);
  const told = [...subscribers.get(uri)].map((server) => server.sendResourceUpdated({ uri }));
  await Promise.all(told);
}

const server = createServer((request, response) => {
  const isModern = request.headers['mcp-protocol-version'] === '2026-07-28';
  return isModern ? serveModern(request, response) : serveLegacy(request, response);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(server, 'listening');
console.log(`127.0.0.1:${server.address().port}`);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first, count] = line.split(' ');
  if (word !== 'raise') throw new Error(`what is ${line}?`);
  for (let number = Number(first); number < Number(first) + Number(count); number += 1) {
    await raise(URIS[number % URIS.length]);
  }
}
process.exit(0);
