// Cookies as text: finding the values of one name in a Cookie header, and writing a Set-Cookie line.
import { SessionError } from './errors.js';

/** The attributes of the session cookie. */
export interface CookieAttributes {
  readonly path: string;
  readonly domain?: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: 'lax' | 'strict' | 'none' | false;
  readonly priority?: 'low' | 'medium' | 'high';
  readonly partitioned: boolean;
}

/** Duplicates that are tried: a good cookie may stand behind a stale one of another path or domain. */
const MAX_CANDIDATES = 4;

/**
 * The values of the cookies of one name, in the order of the header. One pass, linear in its length, and nothing is
 * decoded: our values need no quotes and no escapes, so a value that has them is not ours. Never throws.
 */
export function cookieValues(header: string, name: string): string[] {
  const values: string[] = [];
  for (let start = 0; start < header.length && values.length < MAX_CANDIDATES;) {
    let end = header.indexOf(';', start);
    if (end < 0) end = header.length;
    const at = header.indexOf(name, start);
    if (at < 0) break;
    if (at < end) {
      const pair = header.slice(start, end);
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
      start = end + 1;
    } else {
      // The name is not in this pair: go to the pair that it is in.
      start = header.lastIndexOf(';', at) + 1;
    }
  }
  return values;
}

/** Visible ASCII without separators (RFC 6265bis: cookie-name, cookie-octet; CVE-2024-47764). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/;
const MAX_COOKIE_BYTES = 4096;
/** Browsers keep no cookie for longer than 400 days (RFC 6265bis, 5.5). */
export const MAX_AGE_MS = 400 * 24 * 3_600_000;

export const isCookieName = (name: string): boolean => NAME.test(name);
export const isCookieAttribute = (value: string): boolean => ATTRIBUTE.test(value);

/** The attributes as they follow a value, except for its age. */
export function attributeText(attributes: CookieAttributes): string {
  const { path, domain, httpOnly, secure, sameSite, priority, partitioned } = attributes;
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return [
    `; Path=${path}`,
    domain === undefined ? '' : `; Domain=${domain}`,
    httpOnly ? '; HttpOnly' : '',
    secure ? '; Secure' : '',
    sameSite === false ? '' : `; SameSite=${capital(sameSite)}`,
    priority === undefined ? '' : `; Priority=${capital(priority)}`,
    partitioned ? '; Partitioned' : '',
  ].join('');
}

/**
 * A Set-Cookie line.
 * @param maxAge Whole seconds; `null` lets the cookie live as long as the browser.
 * @throws {SessionError} ERR_SESSION_COOKIE beyond the 4,096 bytes that browsers keep (RFC 6265bis, 5.6)
 */
export function setCookieLine(
  name: string,
  value: string,
  attributes: string,
  maxAge: number | null,
): string {
  if (name.length + value.length > MAX_COOKIE_BYTES)
    throw new SessionError(
      'ERR_SESSION_COOKIE',
      `The cookie would be longer than ${String(MAX_COOKIE_BYTES)} bytes.`,
    );
  return `${name}=${value}${maxAge === null ? '' : `; Max-Age=${String(maxAge)}`}${attributes}`;
}

/** A Set-Cookie line that takes the cookie away. `Expires` serves clients that know no Max-Age. */
export function clearCookieLine(name: string, attributes: string): string {
  return `${name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT${attributes}`;
}
