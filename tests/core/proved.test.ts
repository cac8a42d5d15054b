import type { SessionId } from '../../src/core/contract.js';
import { Proved } from '../../src/core/proved.js';
import { Signer } from '../../src/core/signing.js';

const GENERATION = 5_000;

it('forgets what was not asked for while two generations came', () => {
  const proved = new Proved<number>();
  for (let n = 0; n < 3 * GENERATION; n++) {
    proved.set(String(n), n);
    expect(proved.get('0')).toBe(0);
  }
  expect(proved.get('1')).toBeUndefined();
  expect(proved.get(String(3 * GENERATION - 1))).toBe(3 * GENERATION - 1);
  expect(proved.get(String(2 * GENERATION))).toBe(2 * GENERATION);
});

describe('a signer that has proved a value before', () => {
  const id = 'a'.repeat(43) as SessionId;
  const keys = [
    { id: 'new', secret: 'new' },
    { id: 'old', secret: 'old' },
  ];

  it('says the same again, also that its key is old', () => {
    const signer = new Signer('sid', keys);
    const [fresh, stale] = keys.map((key) => new Signer('sid', [key]).sign(id)) as [string, string];
    for (let time = 0; time < 3; time++) {
      expect(signer.verify(fresh)).toEqual({ id, stale: false });
      expect(signer.verify(stale)).toEqual({ id, stale: true });
    }
  });

  it('refuses what differs from it in one character, each time', () => {
    const signer = new Signer('sid', keys);
    const good = signer.sign(id);
    expect(signer.verify(good)).toEqual({ id, stale: false });
    for (let at = 0; at < good.length; at++) {
      const bad = `${good.slice(0, at)}${good[at] === 'x' ? 'y' : 'x'}${good.slice(at + 1)}`;
      for (let time = 0; time < 2; time++) expect(signer.verify(bad)).toBeNull();
    }
    expect(signer.verify(good)).toEqual({ id, stale: false });
  });

  it('is not asked by another signer: neither of another name nor of another key', () => {
    const good = new Signer('sid', keys).sign(id);
    expect(new Signer('sid', keys).verify(good)).toEqual({ id, stale: false });
    expect(new Signer('other', keys).verify(good)).toBeNull();
    expect(new Signer('sid', [{ id: 'new', secret: 'another' }]).verify(good)).toBeNull();
  });
});
