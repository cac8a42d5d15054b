// Cookie headers that nobody sends by mistake: good ones that were changed, and what never was one. Knows both formats of
// cookies, and what a correct reader makes of a header, written in the plainest way that there is.
import { createHmac } from 'node:crypto';

const BASE64URL = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const ASCII = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const LATIN = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const NASTY = [
  ...[
    '\0',
    '\r\n',
    '\n',
    '\t',
    '"',
    '""',
    "'",
    ';',
    '; ',
    ';;',
    '=',
    '==',
    ',',
    ' ',
    '.',
    '..',
    '%',
    '%00',
    '%2f',
  ],
  ...[
    '%2e',
    '%3B',
    '%3D',
    '%u0041',
    '%E0%A4%A',
    '%ff',
    '\\',
    '/',
    '../',
    '../../etc/passwd',
    '\u00a0',
    '\ufeff',
  ],
  ...[
    'ä',
    '\u{1f600}',
    '\ud800',
    '\udfff',
    '\u202e',
    '[object Object]',
    '${x}',
    '<script>',
    "' OR 1=1",
    's:',
    's%3A',
  ],
  ...['sha256:', '__proto__', 'constructor', 'j:{"a":1}', 'NaN', 'null', 'undefined', 'a'.repeat(300)],
];
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'then',
  '',
  '"',
];
/** What Node accepts as the head of a request by default; four times that is what somebody may have set. */
const HEAD_BYTES = 16_384;

const mac = (secret, text, encoding) => createHmac('sha256', secret).update(text).digest(encoding);

/** How SessionManager writes its cookie. */
export const managerFormat = (name, secret) => ({
  name,
  sign: (id, by = secret, cookie = name) => `${id}.${mac(by, `${cookie}=${id}`, 'base64url')}`,
  idIn(value) {
    const [id, signature, ...rest] = value.split('.');
    if (rest.length > 0 || !/^[A-Za-z0-9_-]{22,256}$/.test(id)) return null;
    return signature === mac(secret, `${name}=${id}`, 'base64url') ? id : null;
  },
});

/** How express-session writes it. */
export const dropInFormat = (name, secret) => ({
  name,
  sign: (id, by = secret) =>
    encodeURIComponent(`s:${id}.${mac(by, id, 'base64').replace(/=+$/, '')}`.toWellFormed()),
  idIn(value) {
    let text = /^".*"$/s.test(value) ? value.slice(1, -1) : value;
    try {
      text = decodeURIComponent(text);
    } catch {
      // As it stands.
    }
    const [, id, signature] = /^s:(.+)\.([^.]*)$/s.exec(text) ?? [];
    return id !== undefined && signature === mac(secret, id, 'base64').replace(/=+$/, '') ? id : null;
  },
});

/** Whose session a header opens, given the sessions that live: of four cookies of the name the first that names one. */
export function ownerOf(header, { name, idIn }, sessions) {
  return header
    .split(';')
    .filter((pair) => pair.includes('='))
    .map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()])
    .filter(([own]) => own === name)
    .slice(0, 4)
    .map(([, value]) => idIn(value))
    .map((id) => (id === null ? undefined : sessions.get(id)))
    .find((owner) => owner !== undefined);
}

/**
 * A function that makes headers.
 * @param cookies The values of cookies that are good, by turns.
 */
export function hostileHeaders(random, { name, sign }, cookies) {
  const { below, chance, oneOf, text } = random;
  const good = () => oneOf(cookies);
  const pair = (value) => `${name}=${value}`;
  const unknownId = () => text(oneOf([22, 32, 43, 256]), BASE64URL);
  const stranger = () => `${text(1 + below(10), BASE64URL)}=${text(below(20), BASE64URL)}`;
  const among = (own) => [
    ...Array.from({ length: below(6) }, stranger),
    own,
    ...Array.from({ length: below(6) }, stranger),
  ];

  const kinds = [
    () => pair(good()),
    () => among(pair(good())).join('; '),
    () => pair(text(below(120), ASCII)),
    () => text(below(200), LATIN),
    () => Array.from({ length: below(20) }, () => oneOf([...NASTY, name, pair(good())])).join(''),
    () => pair(`"${good()}"`),
    () => pair(escaped(good())),
    () => pair(good().slice(0, below(60))),
    () => pair(sign(unknownId())),
    () => pair(sign(oneOf(NASTY) + unknownId())),
    () => pair(sign(good(), undefined, 'other')),
    () => pair(sign(good())),
    () => pair(`${sign(sign(unknownId()))}.${good()}`),
    () => pair(sign(unknownId(), 'a secret that nobody has, of 32 bytes')),
    () => pair(`sha256:${text(64, Array.from('0123456789abcdef'))}`),
    () => [...NAMES.map((own) => `${own}=${oneOf(NASTY)}`), pair(good())].join('; '),
    () => [...Array.from({ length: below(6) }, () => pair(oneOf(NASTY))), pair(good())].join('; '),
    () => `=${pair(good())}; ${name}; "${name}"=${good()}; ${name.toUpperCase()}=${good()}`,
  ];
  const long = [
    () => Array.from({ length: HEAD_BYTES / 16 }, stranger).join('; '),
    () => `${pair('x; ').repeat(HEAD_BYTES / 16)}${pair(good())}`,
    () => ';'.repeat(HEAD_BYTES),
    () => `${name};`.repeat(HEAD_BYTES / 8),
    () => `a=${name}; `.repeat(HEAD_BYTES / 16) + pair(good()),
    () => pair(oneOf(['%41', '"', '.', 's:', 'a.', '\0']).repeat(HEAD_BYTES / 4)),
    () => pair('%E4%BD%A0'.repeat(HEAD_BYTES / 9)),
    () => pair(good().repeat(HEAD_BYTES / 64)),
    () => pair(oneOf(NASTY)).repeat(8 * below(HEAD_BYTES / 64)),
  ];

  const escaped = (value) =>
    Array.from(value, (character) =>
      chance(0.3) ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}` : character,
    ).join('');

  /** Something put in, taken out, replaced, turned round or put twice. */
  function changed(header) {
    const at = below(header.length + 1);
    const end = Math.min(at + 1 + below(8), header.length);
    const [head, part, tail] = [header.slice(0, at), header.slice(at, end), header.slice(end)];
    return oneOf([
      () => head + oneOf(NASTY) + part + tail,
      () => head + tail,
      () => head + oneOf(NASTY) + tail,
      () => head + text(part.length, ASCII) + tail,
      () => head + part + part + tail,
      () => head + Array.from(part).reverse().join('') + tail,
    ])();
  }

  return () => {
    let header = chance(0.02) ? oneOf(long)() : oneOf(kinds)();
    while (chance(0.4)) header = changed(header);
    return header.slice(0, 4 * HEAD_BYTES);
  };
}
