// A value that is nested deeper than JSON.stringify() can go, stored by a writer without limits.
import { newVersion } from '../../src/core/record.js';
import { closeWorlds, createWorld, storedRecords } from './world.js';

afterEach(closeWorlds);

it('get() hands out what is too deep for a text; the response fails with it', async () => {
  const world = await createWorld();
  const { client, on, sessions, memory } = world;
  on('/begin', async (req, res) => {
    await sessions.set(req, { deep: [1] });
    res.end();
  });
  let got: unknown;
  on('/get', async (req, res) => {
    got = await sessions.get(req, 'deep').then(Array.isArray, (error: unknown) => error);
    res.end();
  });
  await client.get('/begin');
  const [record] = await storedRecords(memory);
  if (record === undefined) throw new Error('nothing stored');
  const depth = 100_000;
  const data = `{"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  await memory.replace({ ...record, data, version: newVersion() }, record.version);
  const { status } = await client.get('/get');
  expect(got).toBe(true);
  expect(status).toBe(500);
});
