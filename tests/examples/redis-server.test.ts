// The Redis server as real processes: two of them share their sessions, which outlive both.
import { mkdirSync } from 'node:fs';

import express from 'express';
import { createClient } from 'redis';

import { SessionManager } from '../../src/session-manager.js';
import { RedisStore } from '../../src/stores/redis-store.js';
import { freshPath } from '../support/directory.js';
import { startExample, type Example } from '../support/example.js';
import { Client, serve } from '../support/http.js';
import { moduleOf } from '../support/readme.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

jest.setTimeout(60_000);

const visitsIn = (body: string): number => Number(/this page (\d+) times/.exec(body)?.[1]);

whereThereIs(REDIS, () => {
  let redis: Redis;
  const servers: Example[] = [];

  const start = async (): Promise<Example> => {
    const cwd = freshPath();
    mkdirSync(cwd);
    const server = await startExample('redis-server.ts', cwd, { REDIS_URL: redis.url });
    servers.push(server);
    return server;
  };

  /** The same browser, at another server. */
  function at({ port }: Example, browser?: Client): Client {
    const client = new Client(port);
    if (browser !== undefined) client.cookie = browser.cookie;
    return client;
  }

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const server of servers) await server.end('SIGTERM');
    await redis.stop();
  });

  it('counts visits in two processes, and in a third one after them', async () => {
    const [one, two] = [await start(), await start()];
    const browser = at(one);
    expect(visitsIn((await browser.get('/')).body)).toBe(1);
    expect(visitsIn((await at(two, browser).get('/')).body)).toBe(2);
    const parallel = Array.from({ length: 20 }, (_, n) => at(n % 2 === 0 ? one : two, browser).get('/'));
    await Promise.all(parallel);
    for (const server of [one, two]) await server.end('SIGTERM');
    const three = await start();
    expect(visitsIn((await at(three, browser).get('/')).body)).toBe(23);
    expect((await at(three, browser).get('/logout', { method: 'POST' })).body).toBe('Logged out\n');
    expect(visitsIn((await at(three, browser).get('/')).body)).toBe(1);
  });

  it('is what the README shows: its function gives a manager that keeps sessions there', async () => {
    const client = createClient({ url: redis.url });
    const required = { __esModule: true, default: SessionManager, RedisStore, createClient: () => client };
    const { sessionsInRedis } = moduleOf('sessionsInRedis', required) as {
      sessionsInRedis(url: string): Promise<SessionManager>;
    };
    const sessions = await sessionsInRedis(redis.url);
    const app = express().use(sessions.middleware());
    app.get('/', async (req, res) => {
      res.json(await sessions.update(req, 'visits', (count) => Number(count ?? 0) + 1));
    });
    const running = await serve(app);
    const browser = new Client(running.port);
    for (const visits of ['1', '2']) expect((await browser.get('/')).body).toBe(visits);
    const [{ handle } = { handle: '' }] = await sessions.getAllSessions();
    expect(await client.get(`sess:${handle}`)).toMatch(/\n\{"visits":2\}$/);
    await running.close();
    await sessions.close();
    client.destroy();
  });

  it('answers 503 while Redis is gone, logs nobody out, and goes on when it is back', async () => {
    const server = await start();
    const browser = at(server);
    await browser.get('/');
    const { cookie } = browser;
    redis.pause();
    const { status, cookies } = await browser.get('/');
    redis.resume();
    expect([status, cookies, browser.cookie]).toEqual([503, [], cookie]);
    for (let tries = 0; (await browser.get('/')).status !== 200; tries++) {
      expect(tries).toBeLessThan(50);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(visitsIn((await browser.get('/')).body)).toBeGreaterThan(1);
  });
});
