// The event `suspicious`: which requests are told, once each, without a word of what they brought.
import { Signer } from '../../src/core/signing.js';
import type { SessionId } from '../../src/core/contract.js';
import type { SessionEvents } from '../../src/http/engine.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { TestClock } from '../support/clock.js';
import { SECRET } from '../support/secret.js';
import { createRenewing, HOUR, STORES, told, type RenewingWorld } from './renewal.world.js';
import { closeWorlds } from './world.js';

afterEach(closeWorlds);

const UNKNOWN = 'u'.repeat(43) as SessionId;
const unknown = (): string => new Signer('sid', [SECRET]).sign(UNKNOWN);

/** All facts, as they are told. */
function listen({ sessions }: RenewingWorld): SessionEvents['suspicious'][0][] {
  const all: SessionEvents['suspicious'][0][] = [];
  sessions.on('suspicious', (facts) => all.push(facts));
  return all;
}

describe.each(STORES)('on %s', (_name, backing) => {
  it.each([
    ['an id that is not there', () => `sid=${unknown()}`, 'unknown-id'],
    ['two ids that are not there', () => `sid=${unknown()}; sid=${unknown()}`, 'unknown-id'],
    ['an id that is not there, and junk', () => `sid=junk; sid=${unknown()}`, 'unknown-id'],
    ['junk', () => 'sid=junk', 'bad-signature'],
    ['junk four times', () => 'sid=a; sid=b; sid=c; sid=d', 'bad-signature'],
    ['a signature of another secret', () => `sid=${new Signer('sid', ['x']).sign(UNKNOWN)}`, 'bad-signature'],
    [
      'a signature of another cookie',
      () => `sid=${new Signer('s', [SECRET]).sign(UNKNOWN)}`,
      'bad-signature',
    ],
    ['an empty cookie', () => 'sid=', 'bad-signature'],
    ['no cookie', () => '', undefined],
    ['cookies of others', () => 'other=1; sid2=x', undefined],
  ])('of %s', async (_which, cookie, reason) => {
    const world = await createRenewing(backing());
    const all = listen(world);
    const headers = cookie() === '' ? {} : { cookie: cookie() };
    world.on('/twice', async (req, res) => {
      await world.sessions.load(req);
      await Promise.all([world.sessions.get(req, 'a'), world.sessions.all(req), world.sessions.touch(req)]);
      res.json(world.sessions.session(req));
    });
    expect((await world.client.get('/twice', { headers })).status).toBe(200);
    await told();
    const handle = { handle: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string };
    expect(all).toEqual(
      reason === undefined
        ? []
        : [{ reason, address: '127.0.0.1', ...(reason === 'unknown-id' ? handle : null) }],
    );
    expect(JSON.stringify(all)).not.toMatch(new RegExp(`${UNKNOWN}|junk`));
  });

  it('P6 tells nothing of a request that does not use its session', async () => {
    const world = await createRenewing(backing());
    const all = listen(world);
    for (const cookie of ['sid=junk', `sid=${unknown()}`])
      await world.browser().get('/unused', { headers: { cookie } });
    await told();
    expect([all, world.calls.names]).toEqual([[], []]);
  });

  it('tells nothing of a session that has just ended, or of one that lives', async () => {
    const world = await createRenewing(backing());
    const { client } = world;
    const all = listen(world);
    await client.get('/set?key=a');
    const tab = client.clone();
    await client.get('/all', { headers: { cookie: `${client.cookie}; sid=junk; sid=${unknown()}` } });
    await client.get('/all', { headers: { cookie: `sid=junk; sid=${unknown()}; ${client.cookie}` } });
    await client.get('/logout');
    await tab.get('/all');
    await told();
    expect(all).toEqual([]);
  });

  it('tells an old id once for a request, and not if the request brings a living one too', async () => {
    const world = await createRenewing(backing());
    const { browser, clock, client } = world;
    const old: string[] = [];
    const other = browser();
    for (const each of [client, other]) {
      await each.get('/set?key=a');
      old.push(each.cookie);
    }
    await clock.advance(HOUR);
    for (const each of [client, other]) {
      await each.get('/all');
      await each.get('/all');
    }
    const all = listen(world);
    await browser().get('/all', { headers: { cookie: old.join('; ') } });
    await told();
    expect(all.map(({ reason }) => reason)).toEqual(['reused-old-id']);
    all.length = 0;
    const both = await browser().get('/all', { headers: { cookie: `${String(old[0])}; ${client.cookie}` } });
    await told();
    expect([both.body, all]).toEqual(['{"a":true}', []]);
  });

  it('tells no fault of the store', async () => {
    const world = await createRenewing(backing(), { load: 'eager' });
    const { client, faults } = world;
    await client.get('/set?key=a');
    const all = listen(world);
    faults.fail('find');
    faults.fail('findSync');
    expect((await client.get('/all')).status).toBe(503);
    await told();
    expect(all).toEqual([]);
  });
});

it('tells the address that Express sees, and that of the connection without a proxy to trust', async () => {
  const world = await createRenewing();
  const all = listen(world);
  const headers = { cookie: 'sid=junk', 'x-forwarded-for': '203.0.113.9' };
  await world.client.get('/all', { headers });
  world.app.set('trust proxy', true);
  await world.client.get('/all', { headers });
  await told();
  expect(all.map(({ address }) => address)).toEqual(['127.0.0.1', '203.0.113.9']);
});

it('names the session by its handle where the store has its id', async () => {
  const testClock = new TestClock();
  const store = new MemoryStore({ clock: testClock, cleanupInterval: 0, idAtRest: 'plain' });
  const world = await createRenewing({}, { store }, testClock);
  const { client, clock } = world;
  await client.get('/set?key=a');
  const [id = ''] = (client.jar.get('sid') ?? '').split('.');
  const thief = client.clone();
  await clock.advance(HOUR);
  await client.get('/all');
  await client.get('/all');
  const all = listen(world);
  await thief.get('/all');
  await told();
  expect(all).toHaveLength(1);
  expect(JSON.stringify(all)).not.toContain(id);
  expect(all[0]?.handle).toMatch(/^sha256:/);
});

it('does nothing without a listener', async () => {
  const { client } = await createRenewing();
  expect((await client.get('/all', { headers: { cookie: 'sid=junk' } })).status).toBe(200);
});
