// Durations as options take them: a number of milliseconds, or a number with its unit.

/** Milliseconds, or text: `'90s'`, `'15m'`, `'12h'`, `'30d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d{1,15}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** What options that are durations accept, in words. */
export const A_DURATION = "a number of milliseconds above 0, or text such as '30m'";

/** In milliseconds. NaN for whatever is no duration: negative, infinite, without a unit, in words. */
export function toMs(duration: unknown): number {
  if (typeof duration === 'number') return duration >= 0 && Number.isFinite(duration) ? duration : NaN;
  const [, count, unit = ''] = (typeof duration === 'string' ? TEXT.exec(duration) : null) ?? [];
  return Number(count) * (UNITS[unit] ?? NaN);
}

export const isDuration = (value: unknown): value is Duration => toMs(value) > 0;
