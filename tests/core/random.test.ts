// Random bytes for ids, drawn for several ids at a time.
import crypto from 'node:crypto';

import { drawBytes } from '../../src/core/random.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** The source gives numbers of 32 bits, each once, from 1 on. @returns How often it was asked. */
function countingSource(): { asked: number } {
  const source = { asked: 0 };
  let next = 1;
  jest.spyOn(crypto, 'randomFillSync').mockImplementation(((pool: Buffer) => {
    source.asked++;
    for (let at = 0; at < pool.length; at += 4) pool.writeUInt32BE(next++, at);
    return pool;
  }) as typeof crypto.randomFillSync);
  return source;
}

/** So that nothing is left that was drawn before. */
const drain = (): Buffer => drawBytes(512);

const numbersOf = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUInt32BE(at * 4));

it('S1 gives no byte twice, whatever sizes are asked for', () => {
  countingSource();
  drain();
  const seen = new Set<number>();
  let count = 0;
  for (let draw = 0; draw < 500; draw++) {
    const numbers = numbersOf(drawBytes([32, 24, 4, 128][draw % 4] as number));
    count += numbers.length;
    for (const number of numbers) seen.add(number);
  }
  expect(seen.size).toBe(count);
  expect(seen.has(0)).toBe(false);
});

it('asks the source once for sixteen ids', () => {
  const source = countingSource();
  drain();
  source.asked = 0;
  for (let id = 0; id < 160; id++) expect(drawBytes(32)).toHaveLength(32);
  expect(source.asked).toBe(10);
});

it('S1 has nothing left when the source has failed, until it works again', () => {
  countingSource();
  drain();
  drawBytes(32);
  const broken = new Error('no entropy');
  const source = jest.spyOn(crypto, 'randomFillSync').mockImplementation(() => {
    throw broken;
  });
  // What is left of the last draw is too little for this.
  expect(() => drawBytes(512)).toThrow(broken);
  for (let id = 0; id < 20; id++) expect(() => drawBytes(32)).toThrow(broken);
  source.mockRestore();
  expect(drawBytes(32).equals(Buffer.alloc(32))).toBe(false);
});
