// Reading the Cookie header: what the largest one costs, and cookies that only look like ours.
import { closeWorlds, createRequest, createWorld } from '../session-manager/world.js';
import { signed } from './every-store.js';

afterEach(closeWorlds);

describe('S23 the largest header that Node takes', () => {
  const name = (at: number): string => `n${String(at).padStart(4, '0')}`;
  const junk = signed('u'.repeat(43)).slice('sid='.length);
  const shapes: readonly (readonly [string, (count: number) => string])[] = [
    [
      'a thousand pairs',
      (count) => Array.from({ length: count }, (_, at) => `${name(at)}=12345678`).join('; '),
    ],
    ['a thousand pairs of our name', (count) => 'sid=junk-12345; '.repeat(count)],
    ['pairs of our name with good signatures', (count) => `sid=${junk}; `.repeat(Math.ceil(count / 6))],
    [
      'pairs of our name with bad ones',
      (count) => `sid=${junk.slice(0, -2)}xx; `.repeat(Math.ceil(count / 6)),
    ],
  ];

  it.each(shapes)(
    'costs a use of the session under a millisecond, twice that costs twice: %s',
    async (_name, shape) => {
      const { sessions } = await createWorld({ asyncOnly: true });
      const best = async (count: number): Promise<number> => {
        const header = shape(count);
        const times: number[] = [];
        for (let round = 0; round < 40; round++) {
          const req = createRequest(header);
          const started = performance.now();
          expect(await sessions.open(req)).toBeNull();
          times.push(performance.now() - started);
        }
        return Math.min(...times);
      };
      expect(shape(1_000).length).toBeGreaterThan(14_000);
      expect(await best(1_000)).toBeLessThan(1);
      // Forty times the header: 40 times the time if it is linear, 1,600 times if it is quadratic.
      expect((await best(40_000)) / Math.max(await best(1_000), 0.02)).toBeLessThan(200);
    },
  );

  it('finds the session behind 900 others', async () => {
    const { browser, client, on, sessions } = await createWorld();
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/get', async (req, res) => {
      res.json((await sessions.get(req, 'a')) ?? null);
    });
    await client.get('/set');
    const others = Array.from({ length: 900 }, (_, at) => `${name(at)}=12345678`).join('; ');
    const cookie = `${others}; ${client.cookie}`;
    expect((await browser().get('/get', { headers: { cookie } })).body).toBe('1');
  });
});

describe('S25 a look-alike', () => {
  /** As browsers and scripts can send them; each would be a session of somebody else if it were taken. */
  const looks = (value: string): string[] => [
    `=sid=${value}`,
    `==${value}`,
    `=${value}`,
    value,
    `"sid"=${value}`,
    `'sid'=${value}`,
    `sid="${value}"`,
    `sid='${value}'`,
    `"sid=${value}"`,
    `x="; y=sid=${value}; z="`,
    `$Version=1; $sid=${value}; $Path=/`,
    `SID=${value}`,
    `Sid=${value}`,
    `%73id=${value}`,
    `s\\id=${value}`,
    `sid%00=${value}`,
    `sid[]=${value}`,
    `sid.=${value}`,
    `xsid=${value}`,
    `sid2=${value}`,
    `__Host-sid=${value}`,
    `sid=${encodeURIComponent(`${value}=`)}`,
    `sid=s%3A${value}`,
    `sid=${value}=`,
    `sid=${value},sid=${value}`,
    `,sid=${value}`,
  ];

  async function open() {
    const world = await createWorld();
    const { browser, on, sessions } = world;
    on('/set', async (req, res) => {
      await sessions.set(req, 'who', req.query['who']);
      res.end();
    });
    on('/get', async (req, res) => {
      res.json((await sessions.get(req, 'who')) ?? null);
    });
    const [ada, eve] = [browser(), browser()];
    await ada.get('/set?who=ada');
    await eve.get('/set?who=eve');
    return { ...world, mine: ada.cookie, theirs: eve.jar.get('sid') ?? '' };
  }

  it('alone is no session, and costs no call of the store', async () => {
    const { browser, calls, theirs } = await open();
    calls.clear();
    for (const cookie of looks(theirs))
      expect([cookie, (await browser().get('/get', { headers: { cookie } })).body]).toEqual([cookie, 'null']);
    expect(calls.count()).toBe(0);
  });

  it('neither replaces ours nor hides it, before it or behind it', async () => {
    const { browser, mine, theirs } = await open();
    for (const look of looks(theirs)) {
      for (const cookie of [`${look}; ${mine}`, `${mine}; ${look}`, `${look}; ${look}; ${mine}; ${look}`])
        expect([cookie, (await browser().get('/get', { headers: { cookie } })).body]).toEqual([
          cookie,
          '"ada"',
        ]);
    }
  });
});
