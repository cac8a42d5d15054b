// Finds secrets in whatever was shown: in every spelling that a log, an error or a dump may have. Knows no test.
import { inspect } from 'node:util';

const EVERYTHING = {
  depth: Infinity,
  showHidden: true,
  getters: true,
  maxArrayLength: null,
  maxStringLength: null,
  breakLength: Infinity,
} as const;

function asJson(value: unknown): string {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : '';
  } catch {
    // Circular, or a BigInt: what inspect shows has to do.
    return '';
  }
}

/** Everything that a value shows of itself, as text. */
export function textOf(value: unknown): string {
  const texts = [inspect(value, EVERYTHING), asJson(value)];
  if (typeof value === 'string') texts.push(value);
  if (value instanceof Error) texts.push(value.message, value.stack ?? '');
  return texts.join('\n');
}

/** The spellings that a secret may have in text. */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    hex,
    (hex.match(/../g) ?? []).join(' '),
    // Without its last characters, which depend on what follows.
    bytes.toString('base64').slice(0, -4),
    bytes.toString('base64url').slice(0, -4),
  ];
}

/** Which secrets are in the text, by their names: never the secrets themselves, which a failing test would print. */
export function leaksIn(text: string, secrets: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(secrets)
    .filter(([, values]) =>
      values.some((value) => spellings(value).some((spelling) => text.includes(spelling))),
    )
    .map(([name]) => name);
}
