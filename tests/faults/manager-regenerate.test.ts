// F36: a renewal that is cut at every store call. Afterwards exactly one id that the client can hold is valid: the one
// it has in its jar. With every way to be cut: the call fails, its answer is lost, or all calls fail from there on.
import { closeWorlds, createWorld, storedData } from '../session-manager/world.js';
import { reportFault, rounds } from '../support/faults.js';

afterEach(closeWorlds);

type Cut = 'fails' | 'loses its answer' | 'fails, with all that follow';

it.each([true, false])(
  'F36 leaves exactly one valid id wherever a renewal is cut (keepData: %s)',
  async (keepData) => {
    const full = rounds(50);
    let cuts = 0;
    let renewed = 0;
    for (let round = 0; round < full; round++) {
      const world = await createWorld({ asyncOnly: true });
      const { browser, memory, on, sessions } = world;
      on('/begin', async (req, res) => {
        await sessions.set(req, 'user', 1);
        res.end();
      });
      on('/renew', async (req, res) => {
        await sessions.load(req);
        sessions.session(req)['pending'] = 1;
        await sessions.regenerate(req, { keepData });
        if (!keepData) await sessions.set(req, 'user', 1);
        res.end();
      });
      on('/get', async (req, res) => {
        res.json((await sessions.get(req, 'user')) ?? null);
      });
      for (const cut of ['fails', 'loses its answer', 'fails, with all that follow'] as const) {
        for (let at = 1; ; at++) {
          const client = browser();
          await client.get('/begin');
          const before = client.cookie;
          const calls = cutAt(memory, at, cut);
          const answer = await client.get('/renew');
          const made = calls.restore();
          if (answer.status === 200) renewed++;
          expect([200, 503]).toContain(answer.status);
          const old = browser();
          old.cookie = before;
          const oldIsValid = (await old.get('/get')).body === '1';
          const isRenewed = client.cookie !== before && client.cookie !== '';
          const valid = [oldIsValid, isRenewed && (await client.get('/get')).body === '1'].filter(
            Boolean,
          ).length;
          // Without data the old session is ended first: cut after that, there is none, and the user logs in again.
          const least = keepData ? 1 : 0;
          if (valid > 1 || valid < least)
            throw new Error(`${valid} valid ids: call ${at} ${cut}, answered ${answer.status}`);
          if (answer.status === 200) expect([isRenewed, oldIsValid]).toEqual([true, false]);
          await memory.clear();
          expect(await storedData(world)).toEqual([]);
          if (made < at) break;
          cuts++;
        }
      }
      await closeWorlds();
    }
    reportFault({
      fault: 'F36',
      recipe: `regenerate(keepData: ${keepData}) cut at every store call, three ways`,
      rounds: full,
      result: `${cuts} cuts, ${renewed} of them renewed all the same; never two valid ids${keepData ? ', never none' : ''}`,
    });
    expect(cuts).toBeGreaterThan(0);
  },
  600_000,
);

const WRITES = ['find', 'insert', 'replace', 'remove'] as const;

/** Cuts the n-th of the calls that a store gets from now on. */
function cutAt(store: object, at: number, cut: Cut): { restore(): number } {
  type Method = (...args: unknown[]) => Promise<unknown>;
  const methods = store as Record<(typeof WRITES)[number], Method>;
  let made = 0;
  for (const name of WRITES) {
    const real = methods[name].bind(store);
    methods[name] = async (...args) => {
      const call = ++made;
      if (call > at && cut === 'fails, with all that follow') throw new Error('still down');
      if (call !== at) return real(...args);
      if (cut === 'loses its answer') await real(...args);
      throw new Error('cut');
    };
  }
  return {
    restore() {
      for (const name of WRITES) Reflect.deleteProperty(methods, name);
      return made;
    },
  };
}
