// The owner index of the file store: whose sessions are whose, whatever happens to the files that say so.
import { mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { closedRecord } from '../../src/core/record.js';
import { FileStore } from '../../src/stores/file-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { settled } from '../support/clock.js';
import { freshPath } from '../support/directory.js';
import { HOUR, digitsOf, fileWorld, keyOf, type FileWorld } from '../support/file-world.js';

const MINUTE = 60_000;
const folderOf = (path: string, owner: string): string =>
  join(path, 'owners', digitsOf(owner).slice(0, 3), digitsOf(owner));

/** The sessions of a user, as pages give them. */
async function sessionsOf({ store }: FileWorld, owner: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.scan({ owner })) keys.push(key);
  return keys.sort();
}

const keysOf = (...ids: string[]): string[] => ids.map(keyOf).sort();

async function withOwners(): Promise<FileWorld> {
  const world = fileWorld();
  for (const id of ['a1', 'a2', 'a3']) await world.add(id, { owner: 'ada' });
  await world.add('b1', { owner: 'bob' });
  await world.add('nobody');
  return world;
}

it('lists the sessions of one user, and of no other', async () => {
  const world = await withOwners();
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a2', 'a3'));
  expect(await sessionsOf(world, 'bob')).toEqual(keysOf('b1'));
  for (const owner of ['', 'carol', 'ada/..', '../owners', '__proto__'])
    expect(await sessionsOf(world, owner)).toEqual([]);
});

it('names nobody on the disk but in the sessions themselves', async () => {
  const { path } = await withOwners();
  expect(readdirSync(join(path, 'owners'), { recursive: true }).join('\n')).not.toMatch(/ada|bob/);
  expect(readdirSync(folderOf(path, 'ada')).sort()).toEqual(['a1', 'a2', 'a3'].map(digitsOf).sort());
});

it('pages through them, each once, with a cursor that begins where the last page ended', async () => {
  const { store, add } = fileWorld();
  for (let at = 0; at < 25; at++) await add(`session-${at}`, { owner: 'ada' });
  const found: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await store.page({ owner: 'ada', limit: 4, ...(cursor === null ? null : { cursor }) });
    expect(page.records.length).toBeLessThanOrEqual(4);
    found.push(...page.records.map(({ key }) => key));
    ({ cursor } = page);
    pages++;
  } while (cursor !== null);
  expect(found.sort()).toEqual(keysOf(...Array.from({ length: 25 }, (_, at) => `session-${at}`)));
  expect(pages).toBe(7);
});

it('forgets a session that ends in any way, and the folder of a user with the last one', async () => {
  const world = await withOwners();
  const { store, clock, path } = world;
  await store.remove(keyOf('a1'));
  const second = await store.find(keyOf('a2'));
  if (second === null) throw new Error('a2 is gone.');
  await store.replace(closedRecord(second, clock.now()), second.version);
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a3'));
  expect(readdirSync(folderOf(path, 'ada'))).toEqual([digitsOf('a3')]);
  await clock.advance(HOUR + 5_000);
  expect(await sessionsOf(world, 'ada')).toEqual([]);
  await store.removeExpired(10);
  expect(
    readdirSync(join(path, 'owners'), { recursive: true, withFileTypes: true }).filter((it) => it.isFile()),
  ).toEqual([]);
  for (const owner of ['ada', 'bob'])
    expect(readdirSync(join(path, 'owners', digitsOf(owner).slice(0, 3)))).toEqual([]);
});

it('leaves out what it names and is not there, or is somebody else’s', async () => {
  const world = await withOwners();
  for (const id of ['b1', 'nobody', 'never-was'])
    writeFileSync(join(folderOf(world.path, 'ada'), digitsOf(id)), '');
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a2', 'a3'));
});

it('is made true by `verify()`: what is missing comes back, what is stray goes', async () => {
  const world = await withOwners();
  const { store, clock, path } = world;
  rmSync(join(path, 'owners'), { recursive: true });
  expect(await sessionsOf(world, 'ada')).toEqual([]);
  expect(await store.verify()).toMatchObject({ sessions: 5, strayOwners: 0 });
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a2', 'a3'));
  expect(await sessionsOf(world, 'bob')).toEqual(keysOf('b1'));
  for (const id of ['b1', 'never-was']) writeFileSync(join(folderOf(path, 'ada'), digitsOf(id)), '');
  mkdirSync(folderOf(path, 'carol'), { recursive: true });
  writeFileSync(join(folderOf(path, 'carol'), digitsOf('nobody')), '');
  // Young ones may be of a session that is being created.
  expect(await store.verify()).toMatchObject({ strayOwners: 0 });
  await clock.advance(2 * MINUTE);
  expect(await store.verify()).toMatchObject({ sessions: 5, strayOwners: 3 });
  expect(readdirSync(folderOf(path, 'ada')).sort()).toEqual(['a1', 'a2', 'a3'].map(digitsOf).sort());
  expect(readdirSync(join(path, 'owners', digitsOf('carol').slice(0, 3)))).toEqual([]);
  expect(await store.verify()).toMatchObject({ sessions: 5, strayOwners: 0 });
});

it('is made true in the background within `indexInterval`', async () => {
  const world = await withOwners();
  const { clock, path } = world;
  const store = world.open({ indexInterval: 10 * MINUTE });
  rmSync(folderOf(path, 'ada'), { recursive: true });
  writeFileSync(join(folderOf(path, 'bob'), digitsOf('never-was')), '');
  await clock.advance(11 * MINUTE);
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a2', 'a3'));
  expect(readdirSync(folderOf(path, 'bob'))).toEqual([digitsOf('b1')]);
  unlinkSync(join(folderOf(path, 'ada'), digitsOf('a2')));
  await clock.advance(11 * MINUTE);
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a2', 'a3'));
  store.stopIndexRebuild();
  unlinkSync(join(folderOf(path, 'ada'), digitsOf('a2')));
  await clock.advance(25 * MINUTE);
  expect(await sessionsOf(world, 'ada')).toEqual(keysOf('a1', 'a3'));
});

it('is rebuilt only where it is asked for, once however often, until it is stopped', async () => {
  const clock = createFakeClock();
  const quiet = new FileStore({ clock, path: freshPath(), cleanupInterval: 0 });
  expect(clock.pending).toBe(0);
  quiet.startIndexRebuild();
  quiet.startIndexRebuild();
  expect(clock.pending).toBe(1);
  quiet.stopIndexRebuild();
  quiet.stopIndexRebuild();
  expect(clock.pending).toBe(0);
  const busy = new FileStore({ clock, path: freshPath(), cleanupInterval: 0, indexInterval: MINUTE });
  expect(clock.pending).toBe(1);
  clock.advance(HOUR);
  await settled();
  expect(clock.pending).toBe(1);
  await busy.close();
  expect(clock.pending).toBe(0);
});

it('never misses a session that is there, whatever is written and removed meanwhile', async () => {
  const world = await withOwners();
  const { store, open, record } = world;
  const other = open();
  for (let round = 0; round < 50; round++) {
    const passing = record(`passing-${round}`, { owner: 'ada' });
    const [, names] = await Promise.all([
      other.insert(passing),
      sessionsOf(world, 'ada'),
      store.remove(keyOf(`passing-${round - 1}`)),
    ]);
    expect(names).toEqual(expect.arrayContaining(keysOf('a1', 'a2', 'a3')));
    expect(await sessionsOf(world, 'ada')).toContain(passing.key);
  }
});
