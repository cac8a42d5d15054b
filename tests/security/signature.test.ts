// How signatures are compared: in a time that says nothing of them.
import crypto from 'node:crypto';

import { randomId } from '../../src/core/ids.js';
import { Signer } from '../../src/core/signing.js';
import { data, dropIn, site } from '../express-session/readme/support.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('S4 a signature is compared in constant time: whole, whatever of it is right', () => {
  const spoilt = (value: string, at: number): string =>
    value.slice(0, at) + (value.charAt(at) === 'A' ? 'B' : 'A') + value.slice(at + 1);
  /** The lengths of what was compared. */
  const compared = (spy: jest.SpyInstance): number[][] =>
    spy.mock.calls.map((sides) => (sides as Buffer[]).map(({ byteLength }) => byteLength));

  it('under each secret', () => {
    const spy = jest.spyOn(crypto, 'timingSafeEqual');
    const signer = new Signer('sid', ['one', 'two']);
    const value = signer.sign(randomId());
    for (const at of [value.indexOf('.') + 1, value.length - 20, value.length - 2]) {
      spy.mockClear();
      expect(signer.verify(spoilt(value, at))).toBeNull();
      expect(compared(spy)).toEqual([
        [43, 43],
        [43, 43],
      ]);
    }
  });

  it('by the drop-in too', async () => {
    const { client } = await site(dropIn, {}, (req, res) => {
      data(req)['a'] = 1;
      res.end();
    });
    await client.get('/');
    const [name, value = ''] = client.cookie.split('=');
    const spy = jest.spyOn(crypto, 'timingSafeEqual');
    // A signature may begin with a character that is encoded as three.
    const plain = decodeURIComponent(value);
    const cookie = `${String(name)}=${encodeURIComponent(spoilt(plain, plain.indexOf('.') + 1))}`;
    await client.clone().get('/', { headers: { cookie } });
    expect(compared(spy)).toEqual([[43, 43]]);
  });
});
