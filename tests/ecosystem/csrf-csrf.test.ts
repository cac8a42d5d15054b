// csrf-csrf 4: a token that is bound to the session's id, so that it ends with the login.
import cookieParser from 'cookie-parser';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

import { SECRET } from '../support/secret.js';
import { Client, serve, type Running } from '../support/http.js';
import { mountedCells, sessionOf, type Mounted } from './mounted.js';
import { load } from './packages.js';

interface Csrf {
  readonly doubleCsrfProtection: RequestHandler;
  generateCsrfToken(req: Request, res: Response): string;
}

interface CsrfOptions {
  getSecret: () => string;
  getSessionIdentifier: (req: Request) => string;
  cookieName: string;
  cookieOptions: { secure: boolean };
}

mountedCells('csrf-csrf', (mount) => {
  let mounted: Mounted;
  let running: Running;

  beforeAll(async () => {
    mounted = mount();
    const { doubleCsrf } = load('csrf-csrf') as { doubleCsrf(options: CsrfOptions): Csrf };
    const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
      getSecret: () => SECRET,
      getSessionIdentifier: (req) => sessionOf(req).id,
      cookieName: 'csrf',
      cookieOptions: { secure: false },
    });
    const app = express();
    app.set('env', 'test');
    app.use(cookieParser());
    app.use(mounted.middleware);
    app.get('/form', async (req, res) => {
      // The session begins here, so that the id which the token is bound to stays.
      sessionOf(req)['hasForm'] = true;
      await sessionOf(req).save();
      res.send(generateCsrfToken(req, res));
    });
    app.get('/login', async (req, res) => {
      const session = sessionOf(req) as unknown as { regenerate(): Promise<void> };
      await session.regenerate();
      sessionOf(req)['user'] = 'ada';
      res.send('welcome');
    });
    app.post('/buy', doubleCsrfProtection, (req, res) => {
      sessionOf(req)['bought'] = true;
      res.send('bought');
    });
    app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
      const { status = 500, code = String(error) } = error as { status?: number; code?: string };
      if (res.headersSent) next(error);
      else res.status(status).send(code);
    });
    running = await serve(app);
  });

  afterAll(async () => {
    await running.close();
    await mounted.close();
  });

  const form = async (browser: Client): Promise<string> => (await browser.get('/form')).body;
  const buy = (browser: Client, token: string): Promise<{ status: number; body: string }> =>
    browser.get('/buy', { method: 'POST', headers: { 'x-csrf-token': token } });
  const REFUSED = { status: 403, body: 'EBADCSRFTOKEN' };

  it("takes the session's own token, again and again, and no other", async () => {
    const browser = new Client(running.port);
    const token = await form(browser);
    expect(await buy(browser, token)).toMatchObject({ status: 200, body: 'bought' });
    expect(await buy(browser, token)).toMatchObject({ status: 200, body: 'bought' });
    expect(await buy(browser, '')).toMatchObject(REFUSED);
    expect(await buy(browser, await form(new Client(running.port)))).toMatchObject(REFUSED);
  });

  it('refuses the token and its cookie in another session', async () => {
    const browser = new Client(running.port);
    const token = await form(browser);
    const stranger = new Client(running.port);
    await form(stranger);
    stranger.jar.set('csrf', browser.jar.get('csrf') ?? '');
    expect(await buy(stranger, token)).toMatchObject(REFUSED);
  });

  it('refuses the token from before a login, takes one from after it', async () => {
    const browser = new Client(running.port);
    const token = await form(browser);
    await browser.get('/login');
    expect(await buy(browser, token)).toMatchObject(REFUSED);
    expect(await buy(browser, await form(browser))).toMatchObject({ status: 200 });
  });
});
