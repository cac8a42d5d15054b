import { app, sessions } from '../../examples/typed-session.js';
import { Client, serve, type Running } from '../support/http.js';

describe('the typed session', () => {
  let running: Running;

  beforeAll(async () => {
    running = await serve(app);
  });

  afterAll(async () => {
    await running.close();
    await sessions.close();
  });

  it('begins with the initial values and counts on req.session', async () => {
    const client = new Client(running.port);
    expect(JSON.parse((await client.get('/')).body)).toEqual({ user: null, cart: [], visits: 1 });
    expect(JSON.parse((await client.get('/')).body)).toEqual({ user: null, cart: [], visits: 2 });
  });

  it('keeps every item of a cart that many tabs fill at once', async () => {
    const client = new Client(running.port);
    await client.get('/');
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.clone().post(`/cart/${i % 2 ? 'tea' : 'milk'}`)),
    );
    const { cart } = JSON.parse((await client.get('/')).body) as { cart: { sku: string; count: number }[] };
    expect(new Map(cart.map(({ sku, count }) => [sku, count]))).toEqual(
      new Map([
        ['milk', 10],
        ['tea', 10],
      ]),
    );
  });

  it('keeps the cart through a login, under another id', async () => {
    const client = new Client(running.port);
    await client.post('/cart/tea');
    const before = client.clone();
    expect((await client.post('/login/ada')).status).toBe(204);
    expect(client.cookie).not.toBe(before.cookie);
    expect(JSON.parse((await client.get('/')).body)).toMatchObject({
      user: 'ada',
      cart: [{ sku: 'tea', count: 1 }],
    });
    expect(JSON.parse((await before.get('/')).body)).toMatchObject({ user: null, cart: [] });
  });
});
