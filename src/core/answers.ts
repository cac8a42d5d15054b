// The answers of a store that has them at once: one promise for each, so that whoever asked sees that there is nothing to
// wait for, and sets no timer.

export const YES = Promise.resolve(true);
export const NO = Promise.resolve(false);

/** For whoever asks; it may be any other promise as well. */
export const isAtOnce = (answer: unknown): answer is typeof YES => answer === YES || answer === NO;
