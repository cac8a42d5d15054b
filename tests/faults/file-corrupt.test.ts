// F10: whatever lies at the place of a session and is none counts as absent, is told, kept aside, and harms nobody else.
import * as fs from 'node:fs';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';

import express from 'express';

import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { SessionManager } from '../../src/session-manager.js';
import type { FileStore, FileStoreOptions } from '../../src/stores/file-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import {
  BROKEN_FILES,
  NEIGHBOUR,
  neighbourOf,
  secretOf,
  wholeFile,
  withData,
} from '../support/broken-files.js';
import { freshPath } from '../support/directory.js';
import { reportFault, rounds } from '../support/faults.js';
import { digitsOf, fileWorld, keyOf, snapshot, type FileWorld } from '../support/file-world.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

const ID = 'an-id-that-nobody-must-read';
const PRIVATE = 'a-word-that-nobody-must-read';
const DATA = `{"word":"${PRIVATE}"}`;
const NEIGHBOURS = [NEIGHBOUR, 'neighbour-2'];

interface Scene extends FileWorld {
  readonly neighbours: SessionRecord[];
}

async function createScene(options: FileStoreOptions = {}): Promise<Scene> {
  const world = fileWorld(options);
  writeFileSync(join(dirname(world.path), 'secret'), PRIVATE);
  const neighbours: SessionRecord[] = [];
  for (const id of NEIGHBOURS) neighbours.push(await world.add(id));
  return { ...world, neighbours };
}

/** Spoils a session and sees what becomes of it; throws unless that is what F10 says. */
async function endure(
  scene: Scene,
  spoil: (path: string) => void,
  how: 'find' | 'findSync' | 'get',
): Promise<void> {
  const { add, store, fileOf, filesOf, errors, clock, path, record, neighbours } = scene;
  const { key } = await add(ID, { data: DATA });
  spoil(fileOf(ID));
  const { ino } = lstatSync(fileOf(ID));
  errors.length = 0;
  await clock.advance(1);
  expect(how === 'get' ? await store.get(ID) : await store[how](key)).toBeNull();
  expect(errors).toHaveLength(1);
  const [error] = errors;
  expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_CORRUPT' });
  expect(error?.message).toContain(keyOf(ID));
  const told = `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`;
  expect(told).not.toContain(ID);
  expect(told).not.toContain(PRIVATE);
  expect(filesOf(ID)).toEqual([]);
  const aside = readdirSync(join(path, 'quarantine')).filter((file) => file.includes(digitsOf(ID)));
  expect(aside.map((file) => lstatSync(join(path, 'quarantine', file)).ino)).toContain(ino);
  for (const neighbour of neighbours) expect(await store.find(neighbour.key)).toEqual(neighbour);
  const again = record(ID, { data: DATA });
  expect(await store.insert(again)).toBe(true);
  expect(await store.find(key)).toEqual(again);
  expect(await store.remove(key)).toBe(true);
  expect(errors).toHaveLength(1);
}

/** `endure`, with a failure that says at what it failed. */
async function endureAll(
  scene: Scene,
  spoilers: Iterable<readonly [string, (path: string) => void]>,
  hows: readonly ('find' | 'findSync' | 'get')[],
): Promise<number> {
  let count = 0;
  for (const [name, spoil] of spoilers)
    for (const how of hows) {
      try {
        await endure(scene, spoil, how);
      } catch (error) {
        throw new Error(`${name}, ${how}`, { cause: error });
      }
      count++;
    }
  return count;
}

const VARIANTS: readonly FileStoreOptions[] = [
  {},
  { idAtRest: 'plain' },
  { io: 'async' },
  { durability: 'power' },
];
const hows = (options: FileStoreOptions) =>
  options.io === 'async' ? (['find', 'get'] as const) : (['find', 'findSync', 'get'] as const);
const done = { files: 0, requests: 0 };

describe.each(VARIANTS)('F10 %j', (options) => {
  it.each(Object.entries(BROKEN_FILES))(
    '%s counts as absent, is told and kept aside',
    async (name, spoil) => {
      const scene = await createScene(options);
      const secret = join(dirname(scene.path), 'secret');
      const before = snapshot(secret);
      done.files += await endureAll(scene, [[name, spoil]], hows(options));
      expect(snapshot(secret)).toEqual(before);
    },
  );
});

describe('F10 a file that was written and has lost something', () => {
  /** The bytes of the session that `endure` stores: as long as the one it spoils, which differs in its counts only. */
  async function bytesOf({ add, fileOf, store }: Scene): Promise<Buffer> {
    const { key } = await add(ID, { data: DATA });
    const bytes = readFileSync(fileOf(ID));
    await store.remove(key);
    return bytes;
  }

  it('cut at every byte counts as absent', async () => {
    const scene = await createScene();
    const { length } = await bytesOf(scene);
    const cuts = Array.from(
      { length },
      (_, at) => [`cut at ${at}`, (path: string) => truncateSync(path, at)] as const,
    );
    done.files += await endureAll(scene, cuts, ['findSync']);
  }, 120_000);

  it('with a bit turned in any byte counts as absent', async () => {
    const scene = await createScene();
    const { length } = await bytesOf(scene);
    const bits = rounds(8);
    const turned = Array.from({ length: length * bits }, (_, count) => {
      const at = Math.floor(count / bits);
      const bit = (at * 3 + count) % 8;
      return [
        `bit ${bit} of byte ${at}`,
        (path: string) => {
          const bytes = readFileSync(path);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
          writeFileSync(path, bytes);
        },
      ] as const;
    });
    done.files += await endureAll(scene, turned, ['findSync']);
  }, 600_000);
});

it('F10 data that is no JSON is corrupt, not a crash of whoever reads it', async () => {
  const scene = await createScene();
  done.files += await endureAll(scene, [['{oops}', withData('{oops}')]], ['get', 'find', 'findSync']);
});

it('F10 does not read what is too large to be a session', async () => {
  let read = 0;
  const counting = {
    ...fs,
    readSync: (...args: Parameters<typeof fs.readSync>) => {
      const count = fs.readSync(...args);
      read += count;
      return count;
    },
  };
  const scene = await createScene({ fs: counting as unknown as typeof fs });
  await scene.add(ID);
  truncateSync(scene.fileOf(ID), 100 * 1024 * 1024);
  read = 0;
  expect(await scene.store.find(keyOf(ID))).toBeNull();
  expect(read).toBe(0);
});

describe('F10 a whole file of a later format', () => {
  const later = (path: string): void => wholeFile(path, 'whatever that may be', { format: '2' });

  async function withLater(): Promise<Scene & { readonly key: SessionKey; bytes(): string }> {
    const scene = await createScene();
    const { key } = await scene.add(ID);
    later(scene.fileOf(ID));
    return { ...scene, key, bytes: () => readFileSync(scene.fileOf(ID), 'latin1') };
  }

  it('is a fault with advice, and stays where it is', async () => {
    const { store, record, key, bytes, path, errors, filesOf } = await withLater();
    const before = [bytes(), filesOf(ID)];
    for (const use of [
      () => store.find(key),
      () => store.findSync(key),
      () => store.replace(record(ID), 'v'),
      () => store.extend(key, null),
      () => store.remove(key),
      () => store.insert(record(ID)),
    ])
      await expect((async () => use())()).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        message: expect.stringMatching(/has format 2;.*reads format 1\. Update the package\./) as string,
      });
    expect([bytes(), filesOf(ID)]).toEqual(before);
    expect(errors).toEqual([]);
    expect(readdirSync(path)).not.toContain('quarantine');
  });

  it('is listed as broken among the others, and stops neither sweep nor `verify`', async () => {
    const { store, key, bytes, clock, neighbours } = await withLater();
    const before = bytes();
    const { records } = await store.page({ limit: 10 });
    expect(records.find((entry) => entry.key === key)).toMatchObject({
      error: { code: 'ERR_SESSION_STORE' },
    });
    expect(records).toHaveLength(3);
    expect(await store.verify()).toMatchObject({ sessions: neighbours.length, broken: 0 });
    await clock.advance(2 * 3_600_000);
    expect(await store.removeExpired(100)).toBe(neighbours.length);
    expect(bytes()).toBe(before);
  });
});

it('F10 a broken file is found by `page`, `verify` and the sweep too, and told once', async () => {
  const ways: ((store: FileStore) => Promise<unknown>)[] = [
    (store) => store.page({ limit: 10 }),
    (store) => store.verify(),
    (store) => store.insert(fileWorld().record(ID)),
    (store) => store.remove(keyOf(ID)),
    (store) => store.set(ID, {}),
  ];
  for (const way of ways) {
    const { store, add, fileOf, errors, neighbours } = await createScene();
    await add(ID);
    writeFileSync(fileOf(ID), 'x');
    await way(store);
    expect(errors.map(({ code }) => code)).toEqual(['ERR_SESSION_CORRUPT']);
    for (const { key } of neighbours) expect(await store.find(key)).not.toBeNull();
  }
});

describe('F10 through a manager', () => {
  let running: Running;
  let sessions: SessionManager;
  let path: string;
  const reported: unknown[] = [];

  beforeEach(async () => {
    path = freshPath();
    reported.length = 0;
    sessions = new SessionManager({
      secret: SECRET,
      clock: createFakeClock(Date.now()),
      storeType: 'file',
      storeOptions: { path, cleanupInterval: 0 },
    });
    sessions.on('error', ({ error }) => reported.push(error));
    const app = express();
    app.use(sessions.middleware());
    app.get('/', async (req, res) => {
      const visits = await sessions.update(req, 'visits', (n: unknown) => Number(n ?? 0) + 1);
      res.json({ visits });
    });
    app.get('/look', async (req, res) => {
      res.json({ visits: (await sessions.get(req, 'visits')) ?? null, id: req.sessionID });
    });
    running = await serve(app);
  });

  afterEach(async () => {
    await running.close();
    await sessions.close();
  });

  it.each(Object.entries({ ...BROKEN_FILES, 'data that is no JSON': withData('{oops}') }))(
    'a visitor whose file is %s is a new one, and the others stay',
    async (_, spoil) => {
      const other = new Client(running.port);
      const [mine, theirs] = [new Client(running.port), other];
      for (const client of [mine, theirs]) {
        await client.get('/');
        await client.get('/');
      }
      const { id } = JSON.parse((await mine.get('/look')).body) as { id: string };
      const file = join(path, digitsOf(id).slice(0, 3), digitsOf(id));
      const neighbour = neighbourOf(file);
      const theirId = (JSON.parse((await theirs.get('/look')).body) as { id: string }).id;
      if (!fs.existsSync(neighbour)) {
        mkdirSync(dirname(neighbour), { recursive: true });
        copyFileSync(join(path, digitsOf(theirId).slice(0, 3), digitsOf(theirId)), neighbour);
      }
      writeFileSync(secretOf(file), PRIVATE);
      spoil(file);
      const look = await mine.get('/look');
      expect([look.status, JSON.parse(look.body)]).toEqual([200, expect.objectContaining({ visits: null })]);
      for (const visits of [1, 2]) {
        const answer = await mine.get('/');
        expect([answer.status, answer.body]).toEqual([200, JSON.stringify({ visits })]);
      }
      expect((await theirs.get('/')).body).toBe('{"visits":3}');
      expect(reported).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CORRUPT' })]);
      const told = inspect(reported, { depth: 9 });
      expect(told).not.toContain(id);
      done.requests += 5;
    },
  );
});

afterAll(() => {
  const kinds = Object.keys(BROKEN_FILES).length;
  reportFault({
    fault: 'F10',
    recipe: `${kinds} kinds of broken file x ${VARIANTS.length} stores and over HTTP; cut at every byte; ${rounds(8)} bits of every byte turned`,
    rounds: done.files,
    result: `${done.files} broken files: each absent, told once, kept aside, created anew; ${done.requests} requests answered`,
  });
});
