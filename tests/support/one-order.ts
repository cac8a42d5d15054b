// Whether the answers of a few calls, one of which took as long as all the others, fit to a store that does one thing
// after the other.

/** A session as the store shows it. */
export interface Shown {
  readonly version: string;
  readonly to: number;
}

export type Step =
  | { readonly op: 'insert'; readonly version: string; readonly to: number }
  | { readonly op: 'find' | 'remove' | 'nothing' }
  | { readonly op: 'replace'; readonly from: string; readonly version: string; readonly to: number }
  | { readonly op: 'extend'; readonly to: number };

export interface Answered {
  readonly step: Step;
  readonly answer: unknown;
}

function done(step: Step, shown: Shown | null): readonly [unknown, Shown | null] {
  switch (step.op) {
    case 'insert':
      return shown === null ? [true, { version: step.version, to: step.to }] : [false, shown];
    case 'find':
      return [shown, shown];
    case 'remove':
      return [shown !== null, null];
    case 'replace':
      return shown?.version === step.from ? [true, { version: step.version, to: step.to }] : [false, shown];
    case 'extend':
      return shown === null ? [false, null] : [true, { ...shown, to: Math.max(shown.to, step.to) }];
    case 'nothing':
      return [undefined, shown];
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * A touch may be done more than once, which makes no difference to who touches; it answers for the last time, by when the
 * session may be removed. And it may take back a later end that
 * another touch set at the same time: by less than half an idle period, because then the record itself is written.
 */
function doneLate(step: Step, shown: Shown | null, halfIdleMs: number): readonly [unknown, Shown | null] {
  if (step.op !== 'extend' || shown === null || step.to <= shown.to - halfIdleMs) return done(step, shown);
  return [true, { ...shown, to: step.to }];
}

/**
 * @param late The call that was begun first and answered after `before`; `'killed'` if it never was.
 * @param before What was done meanwhile.
 * @param after What was done when it was over.
 */
export function isInOneOrder(
  initial: Shown | null,
  late: Answered,
  before: readonly Answered[],
  after: readonly Answered[],
  halfIdleMs: number,
): boolean {
  const all = [...before, ...after];
  const isKilled = late.answer === 'killed';
  // One that was killed may have been done at any time, by those who came later too, or never.
  const last = isKilled ? all.length : before.length;

  function fits(from: number, shown: Shown | null, isDone: boolean): boolean {
    if (from <= last) {
      const [answer, next] = doneLate(late.step, shown, halfIdleMs);
      const isAnswer = isKilled || same(answer, late.answer);
      if (!isDone && isAnswer && fitsRest(from, next, true)) return true;
      if (late.step.op === 'extend' && fitsRest(from, next, isDone)) return true;
    }
    return fitsRest(from, shown, isDone);
  }

  function fitsRest(from: number, shown: Shown | null, isDone: boolean): boolean {
    const each = all[from];
    if (each === undefined) return isDone || isKilled;
    const [answer, next] = done(each.step, shown);
    return same(answer, each.answer) && fits(from + 1, next, isDone);
  }

  return fits(0, initial, false);
}
