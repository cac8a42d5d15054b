// An ES module.
import express from 'express';
import SessionManager, {
  FileStore,
  MemoryStore,
  RecordStore,
  SessionError,
  SessionManager as Named,
  hasCode,
  type FileStoreOptions,
  type FileStoreReport,
  type SessionKey,
  type SessionRecord,
} from 'session-store-js';
import { createFakeClock } from 'session-store-js/testing';

declare module 'session-store-js' {
  interface SessionData {
    userId: string;
  }
}

interface AppSession {
  cart: string[];
  visits: number;
}

class MapStore extends RecordStore {
  readonly #records = new Map<SessionKey, SessionRecord>();

  override find(key: SessionKey): Promise<SessionRecord | null> {
    return Promise.resolve(this.#records.get(key) ?? null);
  }
  override insert(): Promise<boolean> {
    return Promise.resolve(false);
  }
  override replace(): Promise<boolean> {
    return Promise.resolve(false);
  }
  override extend(): Promise<boolean> {
    return Promise.resolve(false);
  }
  override remove(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

const secret = 'a secret for consumers, longer than thirty-two bytes';
const sessions: SessionManager = new SessionManager({ secret, store: new MapStore() });
const typed: SessionManager<AppSession> = new SessionManager<AppSession>({
  secret,
  initial: () => ({ visits: 0 }),
});
class MySessions extends SessionManager<AppSession> {
  async isEmpty(): Promise<boolean> {
    return (await this.count()) === 0;
  }
}

const app = express();
app.use(sessions.middleware(), typed.middleware(), new MySessions({ secret }).middleware());
app.get('/:id', async (req, res) => {
  const user: string | undefined = await sessions.get(req, 'userId');
  // @ts-expect-error -- the augmentation says that it is a string
  await sessions.set(req, 'userId', 5);
  await sessions.set(req, 'anything', 5);
  const visits: number = await typed.update(req, 'visits', (count = 0) => count + 1);
  await typed.set(req, { cart: ['tea'] });
  // @ts-expect-error -- no key of AppSession
  await typed.get(req, 'nothing');
  // @ts-expect-error -- a list of strings
  await typed.set(req, 'cart', 'tea');
  // @ts-expect-error -- as update must return a number
  await typed.update(req, 'visits', () => 'many');
  const { cart } = typed.session(req);
  res.json({ user, visits, first: cart?.[0]?.toUpperCase() });
});
app.post(
  '/:id',
  sessions.handler(async (req, res) => {
    res.status(200).json({ id: req.params.id.toUpperCase(), user: await sessions.get(req, 'userId') });
    // @ts-expect-error -- express knows the parameters of the path
    req.params.nothing;
  }),
);
const named: Named = new Named({ secret });
void named.close();
sessions.on('created', ({ handle }) => handle.toUpperCase());

const store: MemoryStore = new MemoryStore({ maxAge: 1000, clock: createFakeClock() });
const error: SessionError = new SessionError('ERR_SESSION_ENDED', 'Over.');
if (hasCode(error, 'ERR_SESSION_ENDED')) void store.close();

const options: FileStoreOptions = { path: './sessions', ttl: 60, durability: 'power', io: 'async' };
const files: FileStore = new FileStore(options);
const inFiles = new SessionManager({ secret, storeType: 'file', storeOptions: options });
// @ts-expect-error -- a store of any kind, to the compiler
void inFiles.store.ensureDirectory();
if (inFiles.store instanceof FileStore) void inFiles.store.ensureDirectory();
// @ts-expect-error -- one of the two
new FileStore({ durability: 'always' });
const where: string = files._getFilePath('an id');
void files.verify().then(({ broken }: FileStoreReport): number => broken + where.length);
