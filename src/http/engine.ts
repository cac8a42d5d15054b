// What all requests of one manager share: its options, its store, the lanes of its commits, its cookie, its events.
import type { IncomingMessage } from 'node:http';

import type { SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { largestKeys } from '../core/json.js';
import { dataEncoding, type Encoding } from '../commit/bag.js';
import { successorOf } from '../commit/endings.js';
import { Lanes } from '../commit/lanes.js';
import { Touches } from '../commit/touches.js';
import { StoreCalls } from '../commit/store-calls.js';
import { isLiving } from '../core/record.js';
import { MemoryStore } from '../stores/memory-store.js';
import type { RecordStore } from '../stores/store.js';
import { CreationCounter } from './creation-limit.js';
import type { Config } from './options.js';
import { Ends } from './ends.js';
import { SessionCookie } from './session-cookie.js';
import { SessionHeader, Transports } from './transport.js';

/** What the manager tells, by event. Sessions are named by their handle, never by their id. */
export interface SessionEvents {
  /** A session was stored for the first time. */
  created: [{ handle: string; reason: 'new' }];
  /** A version was stored; `bytes` of UTF-8. */
  committed: [{ handle: string; reason: 'new' | 'change'; bytes: number }];
  /** A session ended before its time. */
  destroyed: [
    { handle: string; reason: 'destroy' | 'regenerate' | 'login' | 'revoke' | 'clear' | 'evicted' },
  ];
  /** A session got another id because of its age; `from` is its handle until then. */
  renewed: [{ handle: string; reason: 'age'; from: string }];
  /** A request that an attacker could have sent, or a client with an old cookie. `address`: as Express sees it. */
  suspicious: [
    {
      reason: 'unknown-id' | 'bad-signature' | 'reused-old-id' | 'flood';
      handle?: string;
      address?: string | undefined;
    },
  ];
  /** The store removed a session because its time was over. */
  expired: [{ handle: string; reason: 'timeout' }];
  /** A request's changes on `req.session` were dropped, because the session had been ended. */
  interrupted: [{ handle: string; reason: 'ended' }];
  /** Two commits changed these keys; the later one won. */
  conflict: [{ handle: string; reason: 'same-key'; keys: string[] }];
  /** A session has passed half of the limit on its way up. */
  large: [
    {
      handle: string;
      reason: 'size';
      bytes: number;
      limit: number;
      largest: { key: string; bytes: number }[];
    },
  ];
  /** A fault that no request is told: a touch that carries no cookie, a sweep. */
  error: [{ error: unknown; reason: 'touch' | 'store'; handle?: string }];
}

/** The part of an EventEmitter that the engine needs. */
export interface EventSink {
  listenerCount(name: keyof SessionEvents): number;
  emit(name: keyof SessionEvents, facts: object): unknown;
}

/** Where warnings are explained. */
const HELP = 'https://www.npmjs.com/package/session-store-js';

export class Engine {
  readonly config: Config;
  readonly store: RecordStore;
  readonly lanes: Lanes;
  readonly encoding: Encoding;
  readonly transports: Transports;
  readonly ends = new Ends();
  readonly touches: Touches;
  isClosed = false;
  readonly #creations: CreationCounter | undefined;
  readonly #sink: EventSink;
  readonly #warned = new Set<string>();
  readonly #storeEvents = {
    expired: (handle: string): void => {
      this.emit('expired', () => ({ handle, reason: 'timeout' }));
    },
    revoked: (handle: string): void => {
      this.emit('destroyed', () => ({ handle, reason: 'revoke' }));
    },
    evicted: (handle: string): void => {
      this.emit('destroyed', () => ({ handle, reason: 'evicted' }));
    },
    error: (error: unknown): void => {
      this.fault({ error, reason: 'store' });
    },
  };

  constructor(config: Config, sink: EventSink) {
    this.config = config;
    this.store = config.store;
    this.encoding = dataEncoding(config.limits, config.schema);
    this.#sink = sink;
    this.transports = new Transports(
      config.transports.map((transport) =>
        transport === 'cookie'
          ? new SessionCookie(config, this.warn)
          : new SessionHeader(transport, config.secrets),
      ),
    );
    const { creationLimit, clock } = config;
    this.touches = new Touches(clock);
    if (creationLimit !== undefined) this.#creations = new CreationCounter(creationLimit, clock);
    this.lanes = new Lanes(config, {
      created: (record) => {
        this.emit('created', () => ({ handle: this.handleOf(record.key), reason: 'new' }));
      },
      committed: (record, before) => {
        this.#committed(record, before);
      },
      conflict: (record, keys) => {
        this.emit('conflict', () => ({ handle: this.handleOf(record.key), reason: 'same-key', keys }));
      },
    });
    for (const [event, listener] of Object.entries(this.#storeEvents)) this.store.on(event, listener);
    for (const [code, message] of config.warnings) this.warn(code, message);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.lanes.idle();
    for (const [event, listener] of Object.entries(this.#storeEvents)) this.store.off(event, listener);
    if (this.config.ownsStore && this.store.capabilities.has('close'))
      await this.store.capable('close').close();
  }

  calls(): StoreCalls {
    const { clock, storeTimeout, breaker } = this.config;
    return new StoreCalls(this.store, clock, storeTimeout, breaker);
  }

  handleOf(key: SessionKey): string {
    return this.store.handleOf(key);
  }

  /** The session under a key as the store has it now, or what a scheduled renewal put in its place; null if it ended. */
  async findLiving(key: SessionKey): Promise<SessionRecord | null> {
    const calls = this.calls();
    const found = await calls.find(key, true);
    return isLiving(found) ? found : successorOf(calls, this.config.clock, found);
  }

  /** @throws {SessionError} ERR_SESSION_FLOOD beyond `creationLimit` */
  assertMayBegin(req: IncomingMessage): void {
    if (this.#creations === undefined || this.#creations.allows(req)) return;
    this.suspect(req, 'flood');
    throw new SessionError(
      'ERR_SESSION_FLOOD',
      'Too many sessions were begun for one key of creationLimit; none was stored, try again later.',
    );
  }

  /** Tells that a request is none that a client of ours would send. */
  suspect(req: IncomingMessage, reason: SessionEvents['suspicious'][0]['reason'], key?: SessionKey): void {
    this.emit('suspicious', () => {
      const { ip } = req as { ip?: string };
      // A request that was made by hand has no socket.
      const address = ip ?? (req.socket as IncomingMessage['socket'] | undefined)?.remoteAddress;
      return { reason, ...(key === undefined ? null : { handle: this.handleOf(key) }), address };
    });
  }

  /** The session goes on under another id: whoever waits for its end goes on waiting. */
  tellRenewed(from: string, handle: string): void {
    this.ends.move(from, handle);
    this.emit('renewed', () => ({ handle, reason: 'age', from }));
  }

  /** Tells listeners, outside the commit that it is about: what a listener throws is not the session's. */
  emit<Name extends keyof SessionEvents>(name: Name, facts: () => SessionEvents[Name][0]): void {
    if (!this.ends.isEmpty && (name === 'destroyed' || name === 'expired')) {
      const { handle, reason } = facts() as SessionEvents['destroyed' | 'expired'][0];
      this.ends.tell(handle, reason);
    }
    if (this.#sink.listenerCount(name) === 0) return;
    process.nextTick(() => {
      // Counted again: a once() may be used up by now, and an `error` that nobody hears is thrown.
      if (this.#sink.listenerCount(name) > 0) this.#sink.emit(name, facts());
    });
  }

  /** A fault in the background: an `error` event; where nobody listens, a line in the log; without one, a warning. */
  fault(facts: SessionEvents['error'][0]): void {
    const message = 'The session store failed in the background.';
    if (this.#sink.listenerCount('error') > 0) this.emit('error', () => facts);
    else if (this.config.logger !== undefined)
      this.config.logger.error({ err: facts.error, reason: facts.reason }, message);
    else
      this.warn(
        'WARN_SESSION_FAULT',
        `${message} Listen to the manager's "error" event to see each time and why.`,
      );
  }

  /** With the first request: a program that only builds a manager serves nobody. */
  warnOfMemory(): void {
    if (this.config.production && this.store instanceof MemoryStore)
      this.warn(
        'WARN_SESSION_MEMORY',
        'Sessions are kept in the memory of this process: a restart logs everybody out, and other processes do not ' +
          'see them. storeType: "file" keeps them on disk.',
      );
  }

  /** Says something about the set-up once. */
  readonly warn = (code: string, message: string): void => {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    const { logger } = this.config;
    const text = `${message} (${HELP}#warnings)`;
    if (logger === undefined) process.emitWarning(text, { type: 'SessionWarning', code });
    else logger.warn({ code }, text);
  };

  #committed(record: SessionRecord, before: SessionRecord | null): void {
    const { bytes: limit } = this.config.limits;
    const handle = this.handleOf(record.key);
    const reason = before === null ? 'new' : 'change';
    this.emit('committed', () => ({ handle, reason, bytes: Buffer.byteLength(record.data) }));
    if (record.data.length * 3 <= limit / 2) return;
    const bytes = Buffer.byteLength(record.data);
    if (bytes <= limit / 2 || Buffer.byteLength(before?.data ?? '') > limit / 2) return;
    const largest = largestKeys(record.data);
    this.emit('large', () => ({ handle, reason: 'size', bytes, limit, largest }));
    this.config.logger?.warn(
      { code: 'WARN_SESSION_LARGE', handle, bytes, limit, largest },
      'A session is growing large.',
    );
  }
}
