import express from 'express';
import { storeContract } from 'session-store-js/testing';

import { MapStore } from '../../examples/custom-store.js';
import { SessionManager } from '../../src/index.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

describe('a custom store of five methods', () => {
  for (const { name, run } of storeContract({ create: (clock) => new MapStore({ clock }) })) it(name, run);

  it('keeps the sessions of a manager', async () => {
    const sessions = new SessionManager({ secret: SECRET, store: new MapStore() });
    const app = express();
    app.use(sessions.middleware());
    app.get('/', async (req, res) => {
      res.json(await sessions.update(req, 'visits', (visits: number = 0) => visits + 1));
    });
    const running = await serve(app);
    const client = new Client(running.port);
    await client.get('/');
    await Promise.all(Array.from({ length: 10 }, () => client.clone().get('/')));
    expect((await client.get('/')).body).toBe('12');
    await running.close();
    await sessions.close();
  });
});
