// The options that several stores have, as fields of their schemas.
import type { Fields } from '../core/options.js';

/** What every record store takes. */
export const recordStoreFields = ({ z, field }: Fields) => ({
  idAtRest: field(z.enum(['sha256', 'plain']), "'sha256' or 'plain'"),
  clock: field(z.looseObject({ now: z.any(), after: z.any() }), 'a clock with now() and after(ms, callback)'),
});

/** The timers of a store that cleans up and rebuilds its index by itself. */
export const timerFields = ({ z, field }: Fields) => {
  const interval = field(
    z.number().nonnegative().or(z.literal(Infinity)),
    'a number of milliseconds, 0 for none',
  );
  return { cleanupInterval: interval, indexInterval: interval };
};
