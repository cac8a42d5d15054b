// S53: no text that a client sends becomes a path. Ids of every hostile form go through every method; what the store asks
// of the file system is written down before it happens. And no raw id is in any file or name.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import express from 'express';

import type { SessionId, SessionKey } from '../../src/core/contract.js';
import { SessionManager } from '../../src/session-manager.js';
import type { FileStoreOptions } from '../../src/stores/file-store.js';
import { freshPath } from '../support/directory.js';
import { reportFault, rounds } from '../support/faults.js';
import { digitsOf, fileWorld, keyOf, snapshot, type FileWorld } from '../support/file-world.js';
import { HOSTILE_IDS, VICTIM, createGenerator } from '../support/hostile-ids.js';
import { Client, serve } from '../support/http.js';
import { isOurs, recordingFs } from '../support/recording-fs.js';
import { SECRET } from '../support/secret.js';

const CANARIES = ['canary', 'sessions.canary', 'etc/passwd', 'sessions/canary', 'sessions/quarantine/canary'];

interface Watched extends FileWorld {
  /** Paths that are not in the directory, or not of the form of a session's. */
  readonly strangers: string[];
  /** Everything outside the store, and what is foreign in it. */
  outside(): ReturnType<typeof snapshot>;
}

async function createWatched(options: FileStoreOptions = {}): Promise<Watched> {
  const path = freshPath();
  const strangers: string[] = [];
  const fs = recordingFs((name, call) => {
    if (isOurs(path, name)) return;
    strangers.push(`${call} ${name}`);
    throw Object.assign(new Error(`${call} of a stranger`), { code: 'ESTRANGER' });
  });
  const world = fileWorld({ ...options, path, fs });
  await world.add(VICTIM);
  const above = dirname(path);
  for (const canary of CANARIES) {
    mkdirSync(dirname(join(above, canary)), { recursive: true });
    writeFileSync(join(above, canary), `canary ${canary}`);
  }
  const victim = world.filesOf(VICTIM).map((file) => `sessions/${digitsOf(VICTIM).slice(0, 3)}/${file}`);
  return {
    ...world,
    strangers,
    outside: () =>
      new Map(
        [...snapshot(above)]
          .filter(
            ([below, { kind }]) =>
              kind !== 'directory' && (!isOurs(path, join(above, below)) || victim.includes(below)),
          )
          // The victim's own file is read by those who may.
          .map(([below, entry]) => [below, victim.includes(below) ? { ...entry, times: [] } : entry]),
      ),
  };
}

const ALLOWED = new Set(['ERR_SESSION_ID', 'ERR_SESSION_VALUE']);

/** Every method with an id, or a key made of it without `keyOf`; what it threw that is no typed error. */
async function tryAll({ store, record, clock }: Watched, id: string): Promise<string[]> {
  const untyped: string[] = [];
  const key = id as SessionKey;
  const hostile = { ...record('x'), key };
  const calls: Record<string, () => unknown> = {
    _getFilePath: () => store._getFilePath(id),
    get: () => store.get(id),
    set: () => store.set(id, { a: 1 }),
    touch: () => store.touch(id, {}),
    load: () => store.load(id),
    find: () => store.find(key),
    findSync: () => store.findSync(key),
    insert: () => store.insert(hostile),
    replace: () => store.replace(hostile, 'v'),
    extend: () => store.extend(key, clock.now() + 9e6),
    page: () => typeof id === 'string' && store.page({ owner: id, limit: 5 }),
    cursor: () => typeof id === 'string' && store.page({ cursor: id, limit: 1 }),
    destroy: () => store.destroy(id),
    remove: () => store.remove(key),
    removeHandle: () => typeof id === 'string' && store.remove(store.keyOf(id as SessionId)),
  };
  for (const [name, call] of Object.entries(calls)) {
    try {
      await call();
    } catch (error) {
      const { code, name: kind } = error as { code?: string; name?: string };
      const isCursor = name === 'cursor' && code === 'ERR_SESSION_CURSOR';
      if (!isCursor && (kind !== 'SessionError' || !ALLOWED.has(String(code))))
        untyped.push(`${name} ${JSON.stringify(String(code))} ${String(error)}`);
    }
  }
  return untyped;
}

const VARIANTS: readonly FileStoreOptions[] = [{}, { idAtRest: 'plain' }];
const FULL = rounds(100_000);
let tried = 0;

describe.each(VARIANTS)('S53 %j', (options) => {
  it.each(
    HOSTILE_IDS.map((id) => [typeof id === 'string' ? JSON.stringify(id).slice(0, 60) : typeof id, id]),
  )('nothing outside the directory is touched by %s', async (_, id) => {
    const world = await createWatched(options);
    const before = world.outside();
    expect(before.size).toBe(CANARIES.length + 2);
    expect(await tryAll(world, id as string)).toEqual([]);
    expect(world.strangers).toEqual([]);
    expect(world.outside()).toEqual(before);
    expect(await world.store.find(world.record(VICTIM).key)).not.toBeNull();
    tried++;
  });

  it('nothing outside the directory is touched by generated ids either', async () => {
    const world = await createWatched(options);
    const before = world.outside();
    const generate = createGenerator(options.idAtRest === 'plain' ? 1 : 2);
    for (let round = 0; round < FULL / VARIANTS.length; round++) {
      const id = generate();
      if (id === VICTIM || id === keyOf(VICTIM)) continue;
      const untyped = await tryAll(world, id);
      if (untyped.length > 0 || world.strangers.length > 0)
        throw new Error(`${JSON.stringify(id)}: ${[...untyped, ...world.strangers].join(', ')}`);
      tried++;
    }
    expect(world.outside()).toEqual(before);
    expect(await world.store.find(world.record(VICTIM).key)).not.toBeNull();
    expect(await world.store.count()).toBe(1);
    expect(world.errors).toEqual([]);
  }, 900_000);
});

it('S53 gives every id a path in the directory, of the form of a handle, and no two ids the same', () => {
  const { store, path } = fileWorld();
  const generate = createGenerator(3);
  const paths = new Map<string, string>();
  for (let round = 0; round < FULL; round++) {
    // Lone surrogates have no bytes of their own.
    const id = Buffer.from(generate()).toString();
    const place = store._getFilePath(id);
    if (!isOurs(path, place)) throw new Error(`${JSON.stringify(id)} is at ${place}`);
    const other = paths.get(place);
    if (other !== undefined && other !== id && !id.startsWith('sha256:') && !other.startsWith('sha256:'))
      throw new Error(`${JSON.stringify(id)} and ${JSON.stringify(other)} share ${place}`);
    paths.set(place, id);
  }
});

it('S53 would notice a path outside, or of another form', async () => {
  const root = '/a/sessions';
  const name = digitsOf('x');
  for (const path of [
    '',
    `/${name.slice(0, 3)}/${name}`,
    `/owners/${name.slice(0, 3)}/${name}/${name}`,
    '/quarantine',
  ])
    expect(isOurs(root, root + path)).toBe(true);
  for (const path of [
    '/canary',
    '/../canary',
    `/${name.slice(0, 3)}/../../x`,
    '.canary',
    `/abc/${name}.json`,
    '/abc/x',
  ])
    expect(isOurs(root, root + path)).toBe(false);
  const { strangers, store } = await createWatched();
  // A store that names a file after the id would come here.
  expect(() =>
    recordingFs((path) => strangers.push(path)).lstatSync(`${store._getFilePath('x')}/../../../canary`),
  ).toThrow();
  expect(strangers).toHaveLength(1);
});

describe('S11 raw ids at rest', () => {
  const SESSIONS = 1_000;

  /** A thousand visitors, some of whom change their id, log out or are put in quarantine; how often an id is found. */
  async function idsFound(
    idAtRest: 'sha256' | 'plain',
  ): Promise<{ ids: number; files: number; hits: number }> {
    const path = freshPath();
    const sessions = new SessionManager({
      secret: SECRET,
      storeType: 'file',
      storeOptions: { path, idAtRest, cleanupInterval: 0 },
    });
    const ids: string[] = [];
    const app = express();
    app.use(sessions.middleware());
    app.get('/:what', async (req, res) => {
      const { what } = req.params;
      if (what === 'visit') await sessions.update(req, 'visits', (n: unknown) => Number(n ?? 0) + 1);
      else if (what === 'move') await sessions.regenerate(req, { keepData: true });
      else await sessions.destroy(req);
      // After a logout there is none, whatever its type says.
      const { sessionID } = req as { sessionID?: string };
      if (sessionID !== undefined) ids.push(sessionID);
      res.end();
    });
    const running = await serve(app);
    try {
      for (let at = 0; at < SESSIONS; at++) {
        const client = new Client(running.port);
        await client.get('/visit');
        if (at % 10 === 1) await client.get('/move');
        if (at % 10 === 2) await client.get('/leave');
        if (at % 10 === 3) await client.get('/visit');
      }
      const placeOf = (id: string): string => join(path, digitsOf(id).slice(0, 3), digitsOf(id));
      const spoilt = [...new Set(ids)].filter((id) => existsSync(placeOf(id))).slice(-20);
      for (const id of spoilt) {
        writeFileSync(placeOf(id), readFileSync(placeOf(id)).subarray(0, -1));
        await sessions.store.get(id);
      }
      expect(readdirSync(join(path, 'quarantine'))).toHaveLength(20);
    } finally {
      await running.close();
      await sessions.close();
    }
    const raw = [...new Set(ids)];
    const names = readdirSync(path, { recursive: true, withFileTypes: true });
    const files = names
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    const everything = [
      ...names.map(({ name }) => name),
      ...files.map((file) => readFileSync(file, 'latin1')),
    ].join('\n');
    return { ids: raw.length, files: files.length, hits: raw.filter((id) => everything.includes(id)).length };
  }

  it('are in no file and no name; with idAtRest plain the same search finds them', async () => {
    const hashed = await idsFound('sha256');
    const plain = await idsFound('plain');
    expect(hashed.ids).toBeGreaterThanOrEqual(SESSIONS);
    expect(hashed.files).toBeGreaterThan(SESSIONS * 2);
    expect(hashed.hits).toBe(0);
    expect(plain.hits).toBeGreaterThanOrEqual(SESSIONS);
    reportFault({
      fault: 'S11',
      recipe: `${SESSIONS} sessions, then every file and name searched for every raw id`,
      rounds: SESSIONS,
      result: `${hashed.ids} ids in ${hashed.files} files: ${hashed.hits} hits; idAtRest plain: ${plain.hits} of ${plain.ids}`,
    });
  }, 120_000);
});

afterAll(() => {
  reportFault({
    fault: 'S53',
    recipe: `${HOSTILE_IDS.length} hostile forms and ${FULL} generated ids through 15 calls, every path checked before it is used`,
    rounds: tried,
    result: `${tried} ids: 0 paths outside, ${CANARIES.length} canaries untouched, typed errors only`,
  });
});
