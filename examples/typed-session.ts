// A session whose keys and values the compiler knows.
import { randomBytes } from 'node:crypto';

import express from 'express';
import SessionManager from 'session-store-js';

interface ShopSession {
  userId: string;
  cart: { sku: string; count: number }[];
  visits: number;
}

export const sessions = new SessionManager<ShopSession>({
  secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
  // What a new session begins with; stored with its first change.
  initial: () => ({ cart: [], visits: 0 }),
});

export const app = express();
app.use(sessions.middleware());

app.post('/login/:user', async (req, res) => {
  // Another id at every change of privilege: an id planted before the login is worth nothing after it.
  await sessions.regenerate(req, { keepData: true });
  await sessions.set(req, 'userId', req.params.user);
  res.sendStatus(204);
});

app.post('/cart/:sku', async (req, res) => {
  const { sku } = req.params;
  // Atomic: two tabs that add at the same moment both find their item in the cart.
  const cart = await sessions.update(req, 'cart', (items = []) => {
    const known = items.some((item) => item.sku === sku);
    if (!known) return [...items, { sku, count: 1 }];
    return items.map((item) => (item.sku === sku ? { sku, count: item.count + 1 } : item));
  });
  res.json(cart);
});

app.get('/', (req, res) => {
  const session = sessions.session(req);
  session.visits = (session.visits ?? 0) + 1;
  res.json({ user: session.userId ?? null, cart: session.cart, visits: session.visits });
});
