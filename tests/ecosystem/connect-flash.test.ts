// connect-flash: a message that one request leaves and the page after the redirect shows once.
import express, { type Request, type RequestHandler } from 'express';

import { Client, serve, type Running } from '../support/http.js';
import { query } from './app.js';
import { mountedCells, type Mounted } from './mounted.js';
import { load } from './packages.js';

type Flash = (type: string, message?: string) => unknown;

const flashOf = (req: Request): Flash => (req as unknown as { flash: Flash }).flash.bind(req);

mountedCells('connect-flash', (mount) => {
  let mounted: Mounted;
  let running: Running;

  beforeAll(async () => {
    mounted = mount();
    const flash = load('connect-flash') as () => RequestHandler;
    const app = express();
    app.use(mounted.middleware);
    app.use(flash());
    app.get('/save', (req, res) => {
      flashOf(req)('info', query(req, 'message'));
      res.redirect('/list');
    });
    app.get('/list', (req, res) => {
      res.json(flashOf(req)('info'));
    });
    running = await serve(app);
  });

  afterAll(async () => {
    await running.close();
    await mounted.close();
  });

  const list = async (browser: Client): Promise<unknown> => JSON.parse((await browser.get('/list')).body);

  it('shows each message after the redirect, once', async () => {
    const browser = new Client(running.port);
    for (let round = 0; round < 20; round++) {
      expect(await browser.get(`/save?message=${round}`)).toMatchObject({ status: 302 });
      expect(await list(browser)).toEqual([String(round)]);
      expect(await list(browser)).toEqual([]);
    }
  });

  it('shows several messages in their order', async () => {
    const browser = new Client(running.port);
    for (const message of ['one', 'two', 'three']) await browser.get(`/save?message=${message}`);
    expect(await list(browser)).toEqual(['one', 'two', 'three']);
  });
});
