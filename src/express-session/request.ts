// What express-session asks of a request besides its cookies: whether it is secure, its path, and when it is used.
import type { IncomingMessage } from 'node:http';

/** Whether a request came over TLS. @param proxy Whether `X-Forwarded-Proto` is believed; undefined: Express decides. */
export function isSecure(req: IncomingMessage, proxy: boolean | undefined): boolean {
  if ((req.socket as { encrypted?: boolean } | undefined)?.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy !== true) return (req as { secure?: unknown }).secure === true;
  const [first = ''] = String(req.headers['x-forwarded-proto'] ?? '').split(',');
  return first.trim().toLowerCase() === 'https';
}

/** The path as the client asked for it: a mounted app sees only the rest of it in `req.url`. */
export function pathOf(req: IncomingMessage): string {
  const { originalUrl, url } = req as { originalUrl?: string; url?: string };
  const target = originalUrl ?? url ?? '';
  if (target.startsWith('/')) return target.replace(/[?#].*$/s, '');
  return URL.canParse(target) ? new URL(target).pathname : '/';
}

/** Lets properties of a request be filled in when one of them is first read. Whoever sets one before has it so. */
export function onFirstUse(req: IncomingMessage, names: readonly string[], fill: () => void): void {
  const properties = req as unknown as Record<string, unknown>;
  const settle = (): void => {
    for (const name of names)
      Object.defineProperty(req, name, {
        configurable: true,
        enumerable: true,
        writable: true,
        value: undefined,
      });
  };
  for (const name of names) {
    Object.defineProperty(req, name, {
      configurable: true,
      enumerable: true,
      get: (): unknown => {
        settle();
        fill();
        return properties[name];
      },
      set: (value: unknown) => {
        settle();
        properties[name] = value;
      },
    });
  }
}
