// A handler takes an object back to what it was when get() handed it out, after the store has got another one.
import { closeWorlds, createGate, createWorld, storedData } from './world.js';

afterEach(closeWorlds);

describe.each([
  ['at once', { asyncOnly: false }],
  ['with a promise', { asyncOnly: true }],
] as const)('on a store that is asked %s', (_how, setting) => {
  async function start(first: Record<string, unknown>, extra = {}) {
    const world = await createWorld({ ...setting, ...extra });
    world.on('/begin', async (req, res) => {
      await world.sessions.set(req, first);
      res.end();
    });
    await world.client.get('/begin');
    return world;
  }

  it('stores what was taken back after update() of its key', async () => {
    const world = await start({ cart: [1] });
    const { on, sessions, client } = world;
    on('/work', async (req, res) => {
      const cart = (await sessions.get(req, 'cart')) as number[];
      await sessions.update(req, 'cart', (c) => [...(c as number[]), 2]);
      expect(cart).toEqual([1, 2]);
      cart.pop();
      res.end();
    });
    expect((await client.get('/work')).status).toBe(200);
    expect(await storedData(world)).toEqual([{ cart: [1] }]);
  });

  it('stores what was taken back after update() of another key merged what another request stored', async () => {
    const world = await start({ n: 1, cart: [1] });
    const { on, sessions, client } = world;
    const gate = createGate();
    const got = createGate();
    on('/other', async (req, res) => {
      await sessions.update(req, 'cart', (c) => [...(c as number[]), 2]);
      res.end();
    });
    on('/work', async (req, res) => {
      const cart = (await sessions.get(req, 'cart')) as number[];
      got.open();
      await gate.opened;
      await sessions.update(req, 'n', (n) => (n as number) + 1);
      expect(cart).toEqual([1, 2]);
      cart.length = 1;
      res.end();
    });
    const work = client.get('/work');
    await got.opened;
    await client.get('/other');
    gate.open();
    expect((await work).status).toBe(200);
    expect(await storedData(world)).toEqual([{ n: 2, cart: [1] }]);
  });

  it('stores what was taken back after flash() merged what another request stored', async () => {
    const world = await start({ user: { theme: 'light' } });
    const { on, sessions, client } = world;
    const gate = createGate();
    const got = createGate();
    on('/other', async (req, res) => {
      await sessions.set(req, 'user', { theme: 'dark' });
      res.end();
    });
    on('/work', async (req, res) => {
      const user = (await sessions.get(req, 'user')) as { theme: string };
      got.open();
      await gate.opened;
      await sessions.flash(req, 'info', 'hello');
      expect(user).toEqual({ theme: 'dark' });
      user.theme = 'light';
      res.end();
    });
    const work = client.get('/work');
    await got.opened;
    await client.get('/other');
    gate.open();
    await work;
    expect(await storedData(world)).toEqual([{ user: { theme: 'light' }, flash: { info: ['hello'] } }]);
  });

  it('stores what was taken back after a set() merged that was under way when it was got', async () => {
    const world = await start({ n: 1, cart: [1] });
    const { on, sessions, client } = world;
    const gate = createGate();
    const got = createGate();
    on('/other', async (req, res) => {
      await sessions.set(req, 'cart', [1, 2]);
      res.end();
    });
    on('/work', async (req, res) => {
      await sessions.load(req);
      got.open();
      await gate.opened;
      const set = sessions.set(req, 'n', 2);
      // The set has been handed to its lane by then: two turns of the microtasks.
      const cart = (await sessions.get(req, 'cart')) as number[];
      await set;
      expect(cart).toEqual([1, 2]);
      cart.pop();
      res.end();
    });
    const work = client.get('/work');
    await got.opened;
    await client.get('/other');
    gate.open();
    await work;
    expect(await storedData(world)).toEqual([{ n: 2, cart: [1] }]);
  });

  it('stores what was taken back after an update() that nobody awaits', async () => {
    const world = await start({ cart: [1] });
    const { on, sessions, client } = world;
    on('/work', async (req, res) => {
      const cart = (await sessions.get(req, 'cart')) as number[];
      void sessions.update(req, 'cart', (c) => [...(c as number[]), 2]).then(() => cart.pop());
      res.end();
    });
    await client.get('/work');
    expect(await storedData(world)).toEqual([{ cart: [1] }]);
  });

  it('stores what was taken back after update(), and a second get()', async () => {
    const world = await start({ cart: [1] });
    const { on, sessions, client } = world;
    on('/work', async (req, res) => {
      await sessions.get(req, 'cart');
      await sessions.update(req, 'cart', (c) => [...(c as number[]), 2]);
      ((await sessions.get(req, 'cart')) as number[]).pop();
      res.end();
    });
    await client.get('/work');
    expect(await storedData(world)).toEqual([{ cart: [1] }]);
  });
});
