// An app written for the drop-in, as an ES module, where there are no types of express-session.
import express from 'express';
import session, { type SessionData } from 'session-store-js/express-session';

declare module 'session-store-js/express-session' {
  interface SessionData {
    views: number;
    user: { name: string; roles: string[] };
  }
}

type Stored = Record<string, SessionData>;

class MapStore extends session.Store {
  readonly #sessions = new Map<string, string>();

  get(sid: string, callback: (error: unknown, stored?: session.SessionData | null) => void): void {
    const text = this.#sessions.get(sid);
    callback(null, text === undefined ? null : (JSON.parse(text) as SessionData));
  }
  set(sid: string, stored: session.SessionData, callback?: (error?: unknown) => void): void {
    this.#sessions.set(sid, JSON.stringify(stored));
    callback?.();
  }
  destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(sid);
    callback?.();
  }
  override touch(sid: string, stored: session.SessionData, callback?: () => void): void {
    const expires: Date | null | undefined = stored.cookie.expires;
    if (this.#sessions.has(sid) && expires !== null) this.set(sid, stored, callback);
    else callback?.();
  }
  override all(callback: (error: unknown, all?: Stored | null) => void): void {
    const parsed = [...this.#sessions].map(([sid, text]) => [sid, JSON.parse(text) as SessionData] as const);
    callback(null, Object.fromEntries(parsed));
  }
}

const cookie: session.CookieOptions = { maxAge: 60_000, sameSite: 'lax', secure: 'auto', httpOnly: true };
const store: session.Store = new MapStore();
store.on('disconnect', () => undefined);
const memory: session.MemoryStore = new session.MemoryStore();
memory.length((_error, count?: number) => count?.toFixed());

function configured(options: session.SessionOptions): express.RequestHandler {
  return session(options);
}

const app = express();
app.use(configured({ secret: ['new', 'old'], store, cookie, resave: false, saveUninitialized: false }));
app.use(
  session({
    secret: Buffer.from('a key'),
    store: memory,
    name: 'sid',
    genid: (req) => req.path,
    cookie: (req) => ({ secure: req.secure, path: req.baseUrl }),
    rolling: true,
    proxy: true,
    unset: 'destroy',
  }),
);
// @ts-expect-error -- keep or destroy
session({ secret: 'cat', unset: 'forget' });

const visits = (req: express.Request): number => req.session.views ?? 0;

app.get('/', (req, res) => {
  req.session.views = visits(req) + 1;
  const current: session.Session & Partial<session.SessionData> = req.session;
  const original: number | null = current.cookie.originalMaxAge;
  req.session.cookie.maxAge = 5_000;
  req.session.cookie.expires = new Date(5_000);
  req.session.touch();
  req.session.resetMaxAge();
  const id: string = req.session.id || req.sessionID;
  // @ts-expect-error -- nobody said that it is there
  req.session.nothing;
  // @ts-expect-error -- a number
  req.session.views = 'many';
  res.json({ id, original, name: req.session.user?.name.toUpperCase() });
});
app.post('/login', (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) {
      next(error);
      return;
    }
    req.session.user = { name: 'ada', roles: [] };
    req.session.save((failed) => {
      if (failed) next(failed);
      else res.redirect('/');
    });
  });
});
app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.redirect('/')));
});
app.post('/again', (req, res, next) => {
  req.session.reload((error) => (error ? next(error) : res.send(String(visits(req)))));
});
app.get('/other', (req, res) => {
  req.sessionStore.get('another id', (_error, stored) => res.json(stored?.cookie.originalMaxAge));
});
app.post('/promises', async (req, res) => {
  await req.session.regenerate();
  req.session.views = 1;
  await req.session.save();
  await req.session.reload();
  await req.session.destroy();
  res.send('bye');
});
app.use(session({ secret: 'cat', touchAfter: 60_000, storeTimeout: 2_000 }));
