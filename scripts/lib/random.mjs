// Random choices that are the same again for the same seed.

/** Numbers, choices and texts from a seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  /** From 0 to `count - 1`. */
  const below = (count) => Math.floor(fraction() * count);
  const oneOf = (list) => list[below(list.length)];
  return {
    below,
    oneOf,
    chance: (share) => fraction() < share,
    text: (length, alphabet) => Array.from({ length }, () => oneOf(alphabet)).join(''),
  };
}
