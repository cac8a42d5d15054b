// What is lost between a response and the store: M1 to M4.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import type { SessionData } from 'express-session';

import { Client } from '../../support/http.js';
import { dataOf, door, open, verdict, type Scenario } from './scenario.js';
import { STORES } from './stores.js';

/** Longer than a response that does not wait takes, by far. */
const SAVE_MS = 80;
const REQUESTS = 50;

const redirect: Scenario = {
  id: 'M1',
  what: 'a redirect leaves when its session is stored, not before',
  async run(subject) {
    const store = subject.memoryStore();
    const set = store.set.bind(store);
    let isStored = false;
    const wasStored = (): boolean => isStored;
    store.set = (sid: string, session: SessionData, callback?: (error?: unknown) => void): void => {
      const text = JSON.stringify(session);
      void pause(SAVE_MS).then(() => {
        set(sid, JSON.parse(text) as SessionData, (error) => {
          isStored = true;
          callback?.(error);
        });
      });
    };
    await using site = await open(subject, store, {
      routes(app) {
        app.get('/login-form', (req, res) => {
          dataOf(req)['user'] = 'alice';
          res.redirect('/me');
        });
      },
    });
    const req = get({ port: site.port, host: '127.0.0.1', path: '/login-form', agent: false });
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const wasEarly = !wasStored();
    // As browsers do, at once.
    const browser = new Client(site.port);
    browser.cookie = res.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const { body } = await browser.get(res.headers.location ?? '/nowhere');
    res.resume();
    await once(res, 'end');
    return verdict(
      wasEarly && 'the redirect leaves before the session is stored',
      body !== 'alice' && `the page behind it knows ${body}`,
    );
  },
};

const failedSave: Scenario = {
  id: 'M2',
  what: 'a save that fails fails the response',
  async run(subject) {
    const store = subject.memoryStore();
    store.set = (_sid: string, _session: SessionData, callback?: (error?: unknown) => void): void => {
      setImmediate(() => callback?.(new Error('disk full')));
    };
    await using site = await open(subject, store);
    const { status, body, cookies } = await site.client.get('/login');
    return verdict(
      status < 500 && `the client is told ${status} "${body}"`,
      cookies.length > 0 && 'and given a cookie',
    );
  },
};

const logouts = STORES.map(([name, storeOf]): Scenario => ({
  id: 'M3',
  what: `a slow request that ends after the logout does not log in again, ${name}`,
  async run(subject) {
    const [arrival, departure] = [door(), door()];
    await using site = await open(subject, storeOf(subject), {
      routes(app) {
        app.get('/slow', async (req, res) => {
          arrival.open();
          await departure.opened;
          dataOf(req)['lastPage'] = '/slow';
          res.send('done');
        });
      },
    });
    await site.client.get('/login');
    const thief = site.client.clone();
    const slow = site.client.clone().get('/slow');
    await arrival.opened;
    await site.client.get('/logout');
    departure.open();
    const { status } = await slow;
    const { body } = await thief.get('/me');
    return verdict(
      body !== 'nobody' && `the old cookie is ${body}'s again`,
      status !== 200 && `the slow request is answered with ${status}`,
    );
  },
}));

const parallelWrites = STORES.map(([name, storeOf]): Scenario => ({
  id: 'M4',
  what: `${REQUESTS} parallel requests that each set a key keep ${REQUESTS} keys, ${name}`,
  async run(subject) {
    let arrived = 0;
    const allArrived = door();
    await using site = await open(subject, storeOf(subject), {
      routes(app) {
        app.get('/set/:key', async (req, res) => {
          if (++arrived === REQUESTS) allArrived.open();
          await allArrived.opened;
          dataOf(req)[req.params.key] = true;
          res.send('set');
        });
        app.get('/keys', (req, res) => {
          res.send(String(Object.keys(req.session).filter((key) => key.startsWith('key')).length));
        });
      },
    });
    await site.client.get('/login');
    await Promise.all(Array.from({ length: REQUESTS }, (_, i) => site.client.clone().get(`/set/key${i}`)));
    const { body } = await site.client.get('/keys');
    return verdict(body !== String(REQUESTS) && `${body} of ${REQUESTS} are left`);
  },
}));

export const savingScenarios: readonly Scenario[] = [redirect, failedSave, ...logouts, ...parallelWrites];
