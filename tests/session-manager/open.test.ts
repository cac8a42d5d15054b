// Sessions outside of the middleware: on a WebSocket's upgrade.
import { once } from 'node:events';
import { createServer, IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { MemoryStore } from '../../src/stores/memory-store.js';
import { SessionManager } from '../../src/session-manager.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { SECRET } from '../support/secret.js';

interface Data {
  user: string;
  seen: number;
}

const MINUTE = 60_000;

describe('open(req)', () => {
  const clock = createFakeClock(1_800_000_000_000);
  const store = new MemoryStore({ clock, cleanupInterval: 0 });
  const sessions = new SessionManager<Data>({ secret: SECRET, store, clock, maxAge: 10 * MINUTE });
  let server: Server;
  let port = 0;
  let upgraded: (req: IncomingMessage, socket: Duplex) => void = () => undefined;

  beforeAll(async () => {
    const middleware = sessions.middleware();
    server = createServer((req, res) => {
      middleware(req, res, () => {
        const act = req.url === '/logout' ? sessions.destroy(req) : sessions.set(req, 'user', 'ada');
        void act.then(() => res.end());
      });
    });
    server.on('upgrade', (req, socket) => {
      upgraded(req, socket);
    });
    server.listen(0);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(async () => {
    server.close();
    await sessions.close();
  });

  const get = async (path: string, cookie?: string): Promise<string> => {
    const response = await fetch(
      `http://127.0.0.1:${port}${path}`,
      cookie === undefined ? {} : { headers: { cookie } },
    );
    await response.text();
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  };

  /** An upgrade's request as the server has it. */
  const upgrade = async (headers: Record<string, string>): Promise<IncomingMessage> => {
    const arrived = new Promise<IncomingMessage>((resolve) => {
      upgraded = (req, socket) => {
        socket.on('error', () => undefined);
        resolve(req);
      };
    });
    const client = request({ port, headers: { connection: 'Upgrade', upgrade: 'websocket', ...headers } });
    client.on('error', () => undefined);
    client.end();
    const req = await arrived;
    open.push(() => {
      req.socket.destroy();
      client.destroy();
    });
    return req;
  };
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });

  it('lets get, set and update work on the request of an upgrade', async () => {
    const req = await upgrade({ cookie: await get('/') });
    expect(await sessions.open(req)).toMatchObject({
      handle: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
    });
    expect(await sessions.get(req, 'user')).toBe('ada');
    await sessions.update(req, 'seen', (seen = 0) => seen + 1);
    const again = await upgrade({ cookie: req.headers.cookie ?? '' });
    await sessions.open(again);
    expect(await sessions.get(again, 'seen')).toBe(1);
  });

  it('gives null without a living session, and none can begin there', async () => {
    const req = await upgrade({ cookie: 'sid=junk' });
    expect(await sessions.open(req)).toBeNull();
    await expect(sessions.set(req, 'user', 'eve')).rejects.toMatchObject({
      code: 'ERR_SESSION_NO_RESPONSE',
    });
    expect(await store.count()).toBe(1);
  });

  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1', 'not a url'])(
    'S52 refuses a page of another origin: %s',
    async (origin) => {
      const req = await upgrade({ cookie: await get('/'), origin });
      await expect(sessions.open(req)).rejects.toMatchObject({ code: 'ERR_SESSION_ORIGIN', status: 403 });
    },
  );

  it('S52 takes a page of its own host, one that is named, and a client without an origin', async () => {
    const cookie = await get('/');
    const own = await upgrade({ cookie, origin: `http://localhost:${port}` });
    expect(await sessions.open(own)).not.toBeNull();
    const named = await upgrade({ cookie, origin: 'https://app.example' });
    expect(await sessions.open(named, { origins: ['https://app.example'] })).not.toBeNull();
    const bare = new IncomingMessage(new Socket());
    bare.headers.cookie = cookie;
    expect(await sessions.open(bare)).not.toBeNull();
  });

  it('S52 tells at once when a request of this process ends the session', async () => {
    const cookie = await get('/');
    const session = await sessions.open(await upgrade({ cookie }));
    const reasons: string[] = [];
    session?.onEnd((reason) => reasons.push(reason));
    const cancel = session?.onEnd(() => reasons.push('cancelled'));
    cancel?.();
    await get('/logout', cookie);
    expect(reasons).toEqual(['destroy']);
  });

  it('S52 tells within half a minute when somebody else ended it, and when its time is over', async () => {
    const reasons: string[] = [];
    const elsewhere = await sessions.open(await upgrade({ cookie: await get('/') }));
    elsewhere?.onEnd((reason) => reasons.push(`elsewhere: ${reason}`));
    const expires = await sessions.open(await upgrade({ cookie: await get('/') }));
    expires?.onEnd((reason) => reasons.push(`expires: ${reason}`));
    await store.destroy(elsewhere?.handle ?? '');
    clock.advance(30_000);
    await new Promise(setImmediate);
    expect(reasons).toEqual(['elsewhere: ended']);
    for (let at = 0; at < 20; at++) {
      clock.advance(30_000);
      await new Promise(setImmediate);
    }
    expect(reasons).toEqual(['elsewhere: ended', 'expires: timeout']);
  });

  it('does not look again when it is cancelled while it looks', async () => {
    const session = await sessions.open(await upgrade({ cookie: await get('/') }));
    const others = clock.pending;
    const cancel = session?.onEnd(() => undefined);
    const find = jest.spyOn(store, 'find');
    const found = new Promise<void>((resolve) => {
      find.mockImplementationOnce(async (key) => {
        cancel?.();
        resolve();
        return store.findSync(key);
      });
    });
    expect(clock.pending).toBe(others + 1);
    clock.advance(30_000);
    await found;
    await new Promise(setImmediate);
    clock.advance(30_000);
    await new Promise(setImmediate);
    expect(find).toHaveBeenCalledTimes(1);
    expect(clock.pending).toBe(others);
    find.mockRestore();
  });

  it('forgets a request whose socket has closed', async () => {
    const cookie = await get('/');
    const req = await upgrade({ cookie });
    const session = await sessions.open(req);
    let isTold = false;
    session?.onEnd(() => (isTold = true));
    const closed = once(req.socket, 'close');
    req.socket.destroy();
    await closed;
    await get('/logout', cookie);
    await new Promise(setImmediate);
    expect(isTold).toBe(false);
  });
});
