// passport 0.7 with passport-local: its session strategy and its own login and logout, which call regenerate and save.
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

import { Client, serve, type Running } from '../support/http.js';
import { query } from './app.js';
import { mountedCells, sessionOf, type Mounted } from './mounted.js';
import { load } from './packages.js';

type Done = (error: unknown, result?: unknown, info?: { message: string }) => void;
type Verify = (username: string, password: string, done: Done) => void;

interface Passport {
  use(strategy: object): void;
  initialize(): RequestHandler;
  session(): RequestHandler;
  authenticate(name: string, options?: object): RequestHandler;
  serializeUser(fn: (user: string, done: Done) => void): void;
  deserializeUser(fn: (id: string, done: Done) => void): void;
}

interface WithPassport {
  readonly user?: string;
  isAuthenticated(): boolean;
  login(user: string, options: object, done: (error?: unknown) => void): void;
  logout(options: object, done: (error?: unknown) => void): void;
}

const passportOf = (req: Request): WithPassport => req as unknown as WithPassport;

function passport(): Passport {
  const { Passport } = load('passport') as { Passport: new () => Passport };
  const { Strategy } = load('passport-local') as { Strategy: new (verify: Verify) => object };
  const made = new Passport();
  made.use(
    new Strategy((username, password, done) => {
      if (password === 'correct') done(null, username);
      else done(null, false, { message: 'Wrong password.' });
    }),
  );
  made.serializeUser((user, done) => done(null, `id of ${user}`));
  made.deserializeUser((id, done) => done(null, id.replace('id of ', '')));
  return made;
}

/** `keep=1`: the session's other keys survive. */
const optionsOf = (req: Request): object => (query(req, 'keep') === '1' ? { keepSessionInfo: true } : {});

function app({ middleware }: Mounted): express.Express {
  const auth = passport();
  const made = express();
  made.set('env', 'test');
  made.use(express.urlencoded());
  made.use(middleware);
  made.use(auth.initialize(), auth.session());
  made.get('/who', (req, res) => {
    const { user = null } = passportOf(req);
    const { cart = null } = sessionOf(req);
    res.json({ user, isAuthenticated: passportOf(req).isAuthenticated(), cart });
  });
  made.get('/cart', (req, res) => {
    sessionOf(req)['cart'] = ['book'];
    res.send('in');
  });
  made.post('/login', (req, res, next) => {
    const options = { ...optionsOf(req), failureMessage: true };
    void auth.authenticate('local', options)(req, res, (error?: unknown) => {
      if (error === undefined) res.redirect('/who');
      else next(error);
    });
  });
  made.get('/login-as', (req, res, next) => {
    passportOf(req).login(query(req, 'user'), optionsOf(req), (error) => {
      if (error) next(error);
      else res.send('welcome');
    });
  });
  made.get('/logout', (req, res, next) => {
    passportOf(req).logout(optionsOf(req), (error) => {
      if (error) next(error);
      else res.redirect('/who');
    });
  });
  made.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next(error);
    else res.status(500).send(String(error));
  });
  return made;
}

const NOBODY = { user: null, isAuthenticated: false, cart: null };
const ADA = { user: 'ada', isAuthenticated: true, cart: null };

mountedCells('passport', (mount) => {
  let mounted: Mounted;
  let running: Running;

  beforeAll(async () => {
    mounted = mount();
    running = await serve(app(mounted));
  });

  afterAll(async () => {
    await running.close();
    await mounted.close();
  });

  const who = async (browser: Client): Promise<unknown> => JSON.parse((await browser.get('/who')).body);
  const login = (browser: Client, password = 'correct', suffix = ''): Promise<{ status: number }> =>
    browser.get(`/login${suffix}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `username=ada&password=${password}`,
    });

  it('logs in with a new id; the id before opens nothing', async () => {
    const browser = new Client(running.port);
    await browser.get('/cart');
    const before = browser.clone();

    expect(await login(browser)).toMatchObject({ status: 302 });

    expect(await who(browser)).toEqual(ADA);
    expect(browser.cookie).not.toBe(before.cookie);
    expect(await who(before)).toEqual(NOBODY);
  });

  it('keeps the session through the login with keepSessionInfo', async () => {
    const browser = new Client(running.port);
    await browser.get('/cart');
    const before = browser.cookie;

    await login(browser, 'correct', '?keep=1');

    expect(await who(browser)).toEqual({ ...ADA, cart: ['book'] });
    expect(browser.cookie).not.toBe(before);
  });

  it('refuses a wrong password and leaves the session as it was', async () => {
    const browser = new Client(running.port);
    await browser.get('/cart');
    const before = browser.cookie;

    expect(await login(browser, 'wrong')).toMatchObject({ status: 401 });

    expect(browser.cookie).toBe(before);
    expect(await who(browser)).toEqual({ ...NOBODY, cart: ['book'] });
  });

  it('logs out; the cookie from before opens nothing', async () => {
    const browser = new Client(running.port);
    await browser.get('/login-as?user=ada');
    expect(await who(browser)).toEqual(ADA);
    const before = browser.clone();

    expect(await browser.get('/logout')).toMatchObject({ status: 302 });

    expect(await who(browser)).toEqual(NOBODY);
    expect(await who(before)).toEqual(NOBODY);
  });

  it('keeps the session through the logout with keepSessionInfo, under another id', async () => {
    const browser = new Client(running.port);
    await browser.get('/login-as?user=ada');
    await browser.get('/cart');
    const before = browser.clone();

    await browser.get('/logout?keep=1');

    expect(await who(browser)).toEqual({ ...NOBODY, cart: ['book'] });
    expect(browser.cookie).not.toBe(before.cookie);
    expect(await who(before)).toEqual(NOBODY);
  });

  it('keeps 20 overlapping logins of different browsers apart', async () => {
    const users = Array.from({ length: 20 }, (_, index) => `user${index}`);
    const seen = await Promise.all(
      users.map(async (user) => {
        const browser = new Client(running.port);
        await browser.get(`/login-as?user=${user}`);
        return ((await who(browser)) as { user: string }).user;
      }),
    );
    expect(seen).toEqual(users);
  });
});
