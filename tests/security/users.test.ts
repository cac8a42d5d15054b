// The sessions of a user: all of them are listed, counted and ended, and nobody else's.
import type { SessionId } from '../../src/core/contract.js';
import { handleIn, HOUR, openUsers, STORES } from '../session-manager/user-world.js';
import { closeWorlds } from '../session-manager/world.js';
import type { Client } from '../support/http.js';

afterEach(closeWorlds);

describe.each(STORES)('S31 a user’s sessions, on a store of kind: %s', (_name, make) => {
  it('end under the name of that user only', async () => {
    const { device, sessions, userIn } = await openUsers(make);
    const [ada, eve] = [await device('ada'), await device('eve')];
    expect(await sessions.ofUser('eve').revoke(handleIn(ada))).toBe(false);
    expect([await userIn(ada), await userIn(eve)]).toEqual(['ada', 'eve']);
    expect(await sessions.ofUser('ada').revoke(handleIn(ada))).toBe(true);
    expect([await userIn(ada), await userIn(eve)]).toEqual([null, 'eve']);
  });

  it('are as many as may be and no more: the oldest makes room', async () => {
    const { clock, device, list, userIn } = await openUsers(make, { maxSessionsPerUser: 2 });
    const devices: Client[] = [];
    for (let count = 0; count < 4; count++) {
      devices.push(await device('ada'));
      clock.advance(10);
    }
    expect(await Promise.all(devices.map(userIn))).toEqual([null, null, 'ada', 'ada']);
    expect(await list('ada')).toHaveLength(2);
  });

  it('all end, though one gets another id meanwhile', async () => {
    const { calls, device, faults, on, records, sessions, userIn } = await openUsers(make);
    const client = await device('ada');
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req, { keepData: true });
      res.end();
    });
    // A: lists ada's · the browser: gets another id · A: ends what it has listed
    const listed = calls.arrival('page');
    const answer = faults.landLate('page', { times: 1 });
    const revoked = sessions.ofUser('ada').revokeAll();
    await listed;
    expect((await client.get('/regenerate')).status).toBe(200);
    answer();
    expect(await revoked).toBe(1);
    expect(await userIn(client)).toBeNull();
    expect(await records('ada')).toEqual([]);
  });
});

it('S31 a user’s sessions are listed and ended beyond the first page', async () => {
  const { behind, clock, list, records, sessions } = await openUsers();
  const now = clock.now();
  for (let n = 0; n < 250; n++) {
    const key = behind.keyOf(String(n).padStart(43, 'x') as SessionId);
    const times = { createdAt: now, deadlineAt: null, idleMs: HOUR, expiresAt: now + HOUR };
    await behind.insert({
      v: 1,
      key,
      data: '{}',
      version: 'v',
      ...times,
      owner: n % 5 === 0 ? 'eve' : 'ada',
    });
  }
  expect(await list('ada')).toHaveLength(200);
  expect(await sessions.ofUser('ada').revokeAll()).toBe(200);
  expect([(await records('ada')).length, (await records('eve')).length]).toEqual([0, 50]);
});
