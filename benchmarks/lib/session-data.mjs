// What a shop keeps in a session: a user, the user's roles, and a cart with as many items as it takes.

const ITEM = { sku: 'B-10442', title: 'Coffee grinder, steel', quantity: 1, price: 49.9, currency: 'EUR' };

/** The values of a session, as JSON of so many bytes; `userOf(id)` is what its key `user` holds for another user. */
export function sessionData(bytes) {
  const values = { user: userOf(1), roles: ['customer', 'reviewer'], cart: [], note: '' };
  const missing = () => bytes - JSON.stringify(values).length;
  const itemBytes = JSON.stringify(ITEM).length + 1;
  for (let index = 1; missing() >= itemBytes; index++)
    values.cart.push({ ...ITEM, quantity: (index % 9) + 1 });
  values.note = 'x'.repeat(missing());
  return values;
}

export const userOf = (id) => ({ id, name: 'Ada Lovelace', email: 'ada@example.org', language: 'en-GB' });
