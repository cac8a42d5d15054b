// A Redis server of one's own: on a port that was free, without a disk, gone with the process that started it, however
// that ends. And clients of it, of both kinds, behind one face.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Redis } from 'ioredis';
import { createClient } from 'redis';

const GUARD = fileURLToPath(new URL('../../tests/support/services/guard.mjs', import.meta.url));
const ATTEMPTS = 3;

/** Resolves to `{ port, version, stop() }`. Ends the process with 2 where there is no redis-server. */
export async function startRedis() {
  const { stdout, status } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    console.error('This needs redis-server: apt-get install -y --no-install-recommends redis-server');
    process.exit(2);
  }
  const version = /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown';
  // Between the look for a free port and its use another process may take it: then the next one.
  for (let attempt = 1; ; attempt++) {
    try {
      return { ...(await start(await freePort())), version };
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function start(port) {
  const directory = mkdtempSync(join(tmpdir(), 'redis-server-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const guard = spawn(process.execPath, [GUARD, directory, '', '', 'redis-server', ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const exited = once(guard, 'exit');
  let output = '';
  const ready = new Promise((resolve) => {
    guard.stdout.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-10_000);
      if (/Ready to accept connections/.test(output)) resolve(true);
    });
  });
  if (!(await Promise.race([ready, exited.then(() => false)])))
    throw new Error(`redis-server did not start:\n${output}`);
  return {
    port,
    async stop() {
      guard.stdin.end();
      await exited;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The clients that the store is used with. */
export const CLIENTS = {
  redis(port) {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    return { client, ask: (...args) => client.sendCommand(args), close: () => client.destroy() };
  },
  ioredis(port) {
    const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true });
    return { client, ask: (...args) => client.call(...args), close: () => client.disconnect() };
  },
};

/**
 * Resolves to a connected client and, past whatever uses it, `ask(...command)`; `close()` it.
 * @param name Of CLIENTS.
 */
export async function connect(name, port) {
  const connected = CLIENTS[name](port);
  connected.client.on('error', (error) => console.error(`${name}: ${error.message}`));
  await connected.client.connect();
  return connected;
}

/** What the server was asked to do since CONFIG RESETSTAT, by name; those inside of scripts are among it. */
export async function commandsOf({ ask }) {
  const lines = String(await ask('INFO', 'commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name, calls]) => [name, Number(calls)]));
}

/** All names of keys of a type, page by page. */
export async function* keysOf({ ask }, type) {
  let cursor = '0';
  do {
    const [next, keys] = await ask('SCAN', cursor, 'COUNT', '1000', 'TYPE', type);
    yield keys;
    cursor = String(next);
  } while (cursor !== '0');
}
