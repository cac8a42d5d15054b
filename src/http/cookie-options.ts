// The options of the cookie and what they come down to.
import type { CookieAttributes } from '../core/cookie.js';

export interface CookieOptions {
  /** Default `/`. */
  path?: string;
  /** Default none: the cookie stays with the host that set it. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** `'auto'`: on requests that came over TLS. Default: true in production. */
  secure?: boolean | 'auto';
  /** Default `'lax'`. `'none'` asks for `secure`. */
  sameSite?: 'lax' | 'strict' | 'none' | false;
  priority?: 'low' | 'medium' | 'high';
  /** Default false. Asks for `secure`. */
  partitioned?: boolean;
}

/** What they come down to. */
export type ResolvedCookie = Omit<CookieAttributes, 'secure'> & { readonly secure: boolean | 'auto' };

export const isProduction = (): boolean => process.env['NODE_ENV'] === 'production';

/** Bound to its host, as the prefix `__Host-` tells browsers (RFC 6265bis, 4.1.3). */
export function isHostBound({ secure, path, domain }: ResolvedCookie): boolean {
  return secure === true && path === '/' && domain === undefined;
}

export function resolveCookie(options: CookieOptions = {}): ResolvedCookie {
  const {
    path = '/',
    httpOnly = true,
    secure = isProduction(),
    sameSite = 'lax',
    partitioned = false,
  } = options;
  return {
    path,
    httpOnly,
    secure,
    sameSite,
    partitioned,
    ...(options.domain === undefined ? null : { domain: options.domain }),
    ...(options.priority === undefined ? null : { priority: options.priority }),
  };
}
