// What belongs to one request's session in the drop-in: its own middleware's store, no object longer than it is used,
// and the calls that were made before its response.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Express, Request, RequestHandler } from 'express';

import { MemoryStore } from '../../src/stores/memory-store.js';
import { createRequest } from '../session-manager/world.js';
import { DelayedStore } from '../support/delayed-store.js';
import { data, dropIn, options, site } from './readme/support.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const begin = (app: Express): void => {
  app.get('/begin', (req, res) => {
    data(req)['n'] = 0;
    res.end();
  });
};

it('generates with store.generate(req) a session of the middleware that the store is of, behind one of another', async () => {
  const [ended, own] = [new MemoryStore({ cleanupInterval: 0 }), new MemoryStore({ cleanupInterval: 0 })];
  const { client } = await site(dropIn, { name: 'ended', store: ended }, (app: Express) => {
    app.use((req, _res, next) => {
      req.session.destroy(() => next());
    });
    app.use(dropIn(options({ name: 'own', store: own })));
    app.get('/', (req, res) => {
      (req.sessionStore as unknown as { generate(req: Request): void }).generate(req);
      data(req)['user'] = 'ada';
      res.end();
    });
  });
  const { cookies } = await client.get('/');
  expect(cookies).toEqual([expect.stringMatching(/^own=/)]);
  expect([await ended.count(), await own.count()]).toEqual([0, 1]);
});

it('lets go of the session objects that a WebSocket’s request has reloaded', async () => {
  const store = new MemoryStore({ cleanupInterval: 0 });
  const sessions = dropIn(options({ store }));
  const { client } = await site(dropIn, { store }, begin);
  await client.get('/begin');
  // It lives as long as its socket, and has no response.
  const upgrade = createRequest(client.cookie);
  upgrade.url = upgrade.originalUrl = '/';
  const opened = await new Promise((next) => {
    sessions(upgrade, {} as never, next);
  });
  expect(opened).toBeUndefined();
  const objects: WeakRef<object>[] = [];
  for (let message = 0; message < 200; message++) {
    objects.push(new WeakRef(upgrade.session));
    const fault = await new Promise((done) => {
      upgrade.session.reload(done);
    });
    expect(fault ?? null).toBeNull();
  }
  for (let time = 0; time < 2; time++) {
    // What a turn has looked at is held until it ends.
    await turn();
    collect();
  }
  expect(data(upgrade)['n']).toBe(0);
  // The last ones may lie on the stack yet.
  expect(objects.filter((object) => object.deref() !== undefined).length).toBeLessThan(20);
});

it('has the response wait for the saves before it, and not for those that go on behind it', async () => {
  const store = new DelayedStore();
  const jobs: Promise<void>[] = [];
  let isAnswered = false;
  let saves = 0;
  const job: RequestHandler = (req, res) => {
    store.delayMs = 1;
    const work = async (): Promise<void> => {
      for (let time = 0; time < 50 && !isAnswered; time++) {
        data(req)['n'] = Number(data(req)['n']) + 1;
        await (req.session.save as unknown as () => Promise<void>)();
        saves++;
      }
    };
    // Of two there is always one under way.
    jobs.push(work(), work());
    res.status(202).end();
  };
  const { client, faults } = await site(dropIn, { store }, (app: Express) => {
    begin(app);
    app.get('/job', job);
  });
  await client.get('/begin');
  const { status } = await client.get('/job');
  isAnswered = true;
  const before = saves;
  await Promise.all(jobs);
  expect([status, faults]).toEqual([202, []]);
  expect(before).toBeGreaterThanOrEqual(2);
  expect(before).toBeLessThan(50);
});
