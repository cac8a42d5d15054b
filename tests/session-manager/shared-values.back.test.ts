// A handler takes an object back to what it was when get() handed it out, after the store has got another one.
import { closeWorlds, createWorld, storedData, type Handler, type World } from './world.js';

afterEach(closeWorlds);

type Sessions = World['sessions'];
type Req = Parameters<Handler>[0];
/** Holds the cart when the store has `[1, 2]`. @param meanwhile Another request of the session, which puts 2 into the cart. */
type Work = (sessions: Sessions, req: Req, meanwhile: () => Promise<unknown>) => Promise<number[]>;

const cartOf = async (sessions: Sessions, req: Req): Promise<number[]> =>
  (await sessions.get(req, 'cart')) as number[];
const fill = (sessions: Sessions, req: Req): Promise<unknown> =>
  sessions.update(req, 'cart', (cart) => [...(cart as number[]), 2]);

describe.each([
  ['at once', { asyncOnly: false }],
  ['with a promise', { asyncOnly: true }],
] as const)('on a store that is asked %s', (_how, setting) => {
  it.each<[string, Record<string, unknown>, Work]>([
    [
      'update() of its key',
      { n: 1, cart: [1] },
      async (sessions, req) => {
        const cart = await cartOf(sessions, req);
        await fill(sessions, req);
        return cart;
      },
    ],
    [
      'update() of its key, and a second get()',
      { n: 1, cart: [1] },
      async (sessions, req) => {
        await cartOf(sessions, req);
        await fill(sessions, req);
        return cartOf(sessions, req);
      },
    ],
    [
      'update() of another key that merged what another request stored',
      { n: 2, cart: [1] },
      async (sessions, req, meanwhile) => {
        const cart = await cartOf(sessions, req);
        await meanwhile();
        await sessions.update(req, 'n', () => 2);
        return cart;
      },
    ],
    [
      'flash() that merged what another request stored',
      { n: 1, cart: [1], flash: { info: ['hello'] } },
      async (sessions, req, meanwhile) => {
        const cart = await cartOf(sessions, req);
        await meanwhile();
        await sessions.flash(req, 'info', 'hello');
        return cart;
      },
    ],
    [
      'a set() that merged what another request stored, and was under way when it was got',
      { n: 2, cart: [1] },
      async (sessions, req, meanwhile) => {
        await sessions.load(req);
        await meanwhile();
        const set = sessions.set(req, 'n', 2);
        // The set has been handed to its lane by then: two turns of the microtasks.
        const cart = await cartOf(sessions, req);
        await set;
        return cart;
      },
    ],
  ])('stores what was taken back after %s', async (_what, data, work) => {
    const world = await createWorld(setting);
    const { client, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, { n: 1, cart: [1] });
      res.end();
    });
    on('/other', async (req, res) => {
      await fill(sessions, req);
      res.end();
    });
    on('/work', async (req, res) => {
      const cart = await work(sessions, req, () => client.get('/other'));
      expect(cart).toEqual([1, 2]);
      cart.pop();
      res.end();
    });
    await client.get('/begin');
    expect((await client.get('/work')).status).toBe(200);
    expect(await storedData(world)).toEqual([data]);
  });

  it('stores what was taken back after an update() that nobody awaits', async () => {
    const world = await createWorld(setting);
    const { client, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, 'cart', [1]);
      res.end();
    });
    on('/work', async (req, res) => {
      const cart = await cartOf(sessions, req);
      void fill(sessions, req).then(() => cart.pop());
      res.end();
    });
    await client.get('/begin');
    await client.get('/work');
    expect(await storedData(world)).toEqual([{ cart: [1] }]);
  });
});
