// What the drop-in says about its set-up: once, and by a code.
import { limitsOf } from '../stores/express-store.js';
import { RecordStore } from '../stores/store.js';
import type { SessionOptions, Settings } from './options.js';
import { MemoryStore, recordStoreIn } from './stores.js';

export const SECRET_MISSING =
  'The secret option is required for sessions (is the environment variable set?), unless cookie-parser sets req.secret.';

/** What was said: each thing once, however many middlewares there are. */
const said = new Set<string>();

export function warn(type: string, code: string, message: string): void {
  if (said.has(message)) return;
  said.add(message);
  process.emitWarning(message, { type, code });
}

/** Says what is wrong with options that are taken all the same. */
export function warnOf(options: SessionOptions, inUse: Settings['store']): void {
  const { store } = options;
  if (store && recordStoreIn(store) === null && !RecordStore.is(store))
    warn('SessionWarning', ...limitsOf(store));
  if (inUse instanceof MemoryStore && process.env['NODE_ENV'] === 'production')
    warn(
      'SessionWarning',
      'WARN_SESSION_MEMORY',
      'Sessions are kept in the memory of this process: a restart forgets them and other processes do not see them. ' +
        'Give session() a store.',
    );
  if (!options.secret) warn('SessionWarning', 'WARN_SESSION_SECRET', SECRET_MISSING);
  for (const name of ['resave', 'saveUninitialized'] as const) {
    if (options[name] === undefined)
      warn(
        'DeprecationWarning',
        `WARN_SESSION_${name.toUpperCase()}`,
        `session(): the option ${name} has no good default; set it to false.`,
      );
  }
}
