// ws: the session of a WebSocket's upgrade request, read by running the middleware as its documentation shows.
import { once, type EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import express from 'express';

import * as entry from '../../src/index.js';
import { Client, serve, type Running } from '../support/http.js';
import { moduleOf } from '../support/readme.js';
import { DROP_IN } from './faces.js';
import { mountedCells, sessionOf, type Mounted } from './mounted.js';
import { load } from './packages.js';

interface Socket extends EventEmitter {
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

interface Server extends EventEmitter {
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, done: (ws: Socket) => void): void;
}

interface Ws {
  new (url: string, options: object): Socket;
  readonly WebSocketServer: new (options: { noServer: true }) => Server;
}

const { serveWebSockets } = moduleOf('serveWebSockets', entry) as {
  serveWebSockets(server: unknown, webSockets: unknown, sessions: unknown): void;
};

mountedCells('ws', (mount, face) => {
  let mounted: Mounted;
  let running: Running;
  /** With the README's program. */
  let opening: Running | null = null;
  const { WebSocketServer } = load('ws') as Ws;
  const wss = new WebSocketServer({ noServer: true });
  const open: Socket[] = [];
  /** The server's side of them. */
  const upgraded: Duplex[] = [];

  beforeAll(async () => {
    mounted = mount();
    const app = express();
    app.use(mounted.middleware);
    app.get('/login', (req, res) => {
      sessionOf(req)['user'] = 'ada';
      res.send('welcome');
    });
    app.get('/read', (req, res) => {
      const { user = null, count = null } = sessionOf(req);
      res.json({ user, count });
    });
    app.get('/logout', async (req, res) => {
      await sessionOf(req).destroy();
      res.send('bye');
    });
    running = await serve(app);
    if (mounted.sessions !== null) {
      opening = await serve(app);
      opening.server.on('upgrade', (_, socket: Duplex) => upgraded.push(socket));
      serveWebSockets(opening.server, wss, mounted.sessions);
    }
    running.server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      upgraded.push(socket);
      mounted.middleware(req as never, {} as never, (error?: unknown) => {
        if (error !== undefined || sessionOf(req)['user'] === undefined) {
          socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
          return;
        }
        wss.handleUpgrade(req, socket, head, (ws) => ws.on('message', () => void count(req, ws)));
      });
    });
  });

  afterAll(async () => {
    for (const socket of open) socket.terminate();
    for (const socket of upgraded) socket.destroy();
    await running.close();
    await opening?.close();
    await mounted.close();
  });

  /** Counts in the session what comes over the socket. */
  async function count(req: IncomingMessage, ws: Socket): Promise<void> {
    try {
      await sessionOf(req).reload();
      sessionOf(req)['count'] = Number(sessionOf(req)['count'] ?? 0) + 1;
      await sessionOf(req).save();
      ws.send(String(sessionOf(req)['count']));
    } catch {
      ws.send('ended');
    }
  }

  const connect = async (browser: Client, { port } = running, origin?: string): Promise<Socket> => {
    const Ws = load('ws') as Ws;
    const headers = {
      ...(browser.cookie === '' ? {} : { cookie: browser.cookie }),
      ...(origin === undefined ? {} : { origin }),
    };
    const socket = new Ws(`ws://127.0.0.1:${port}`, { headers, handshakeTimeout: 3_000 });
    open.push(socket);
    await once(socket, 'open');
    return socket;
  };
  const say = async (socket: Socket): Promise<string> => {
    socket.send('hello');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    return answer.toString();
  };
  const read = async (browser: Client): Promise<unknown> => JSON.parse((await browser.get('/read')).body);

  it('opens for a session, and for nobody else', async () => {
    const browser = new Client(running.port);
    await expect(connect(browser)).rejects.toThrow('401');
    await browser.get('/login');
    await connect(browser);
    browser.cookie = browser.cookie.slice(0, -3) + 'xxx';
    await expect(connect(browser)).rejects.toThrow('401');
  });

  it('writes to the session, and pages see it', async () => {
    const browser = new Client(running.port);
    await browser.get('/login');
    const socket = await connect(browser);
    expect(await say(socket)).toBe('1');
    expect(await say(socket)).toBe('2');
    expect(await read(browser)).toEqual({ user: 'ada', count: 2 });
  });

  it('brings nothing back after a logout elsewhere', async () => {
    const browser = new Client(running.port);
    await browser.get('/login');
    const old = browser.clone();
    const socket = await connect(browser);
    await browser.get('/logout');
    expect(await say(socket)).toBe('ended');
    expect(await read(old)).toEqual({ user: null, count: null });
    await expect(connect(old)).rejects.toThrow('401');
  });

  // The drop-in has no such method.
  if (face === DROP_IN) return;

  it("opens with the README's program, for its own pages, and closes at the logout", async () => {
    const server = opening as Running;
    const browser = new Client(running.port);
    await expect(connect(browser, server)).rejects.toThrow('401');
    await browser.get('/login');
    await expect(connect(browser, server, 'https://evil.example')).rejects.toThrow('403');
    const served = once(wss, 'connection') as Promise<[Socket]>;
    const socket = await connect(browser, server, `http://127.0.0.1:${server.port}`);
    const [ours] = await served;
    ours.send('welcome');
    expect(String((await once(socket, 'message'))[0])).toBe('welcome');
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;

    await browser.get('/logout');

    const [code, reason] = await closed;
    expect([code, reason.toString()]).toEqual([4001, 'destroy']);
  });
});
