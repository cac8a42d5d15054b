// What all requests of one manager share: its options, its store, the lanes of its commits, its cookie, its events.
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { largestKeys } from '../core/json.js';
import { Lanes } from '../commit/lanes.js';
import { StoreCalls } from '../commit/store-calls.js';
import type { RecordStore } from '../stores/store.js';
import type { Config } from './options.js';
import { Ends } from './ends.js';
import { SessionCookie } from './session-cookie.js';

/** What the manager tells, by event. Sessions are named by their handle, never by their id. */
export interface SessionEvents {
  /** A session was stored for the first time. */
  created: [{ handle: string; reason: 'new' }];
  /** A version was stored; `bytes` of UTF-8. */
  committed: [{ handle: string; reason: 'new' | 'change'; bytes: number }];
  /** A session ended before its time. */
  destroyed: [{ handle: string; reason: 'destroy' | 'regenerate' | 'clear' | 'evicted' }];
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

export class Engine {
  readonly config: Config;
  readonly store: RecordStore;
  readonly lanes: Lanes;
  readonly cookie: SessionCookie;
  readonly ends = new Ends();
  isClosed = false;
  readonly #sink: EventSink;
  readonly #warned = new Set<string>();
  readonly #storeEvents = {
    expired: (handle: string): void => {
      this.emit('expired', () => ({ handle, reason: 'timeout' }));
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
    this.#sink = sink;
    this.cookie = new SessionCookie(config, this.warn);
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
    return new StoreCalls(this.store, this.config.clock, this.config.storeTimeout);
  }

  handleOf(key: SessionKey): string {
    return this.store.handleOf(key);
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

  /** Says something about the set-up once. */
  readonly warn = (code: string, message: string): void => {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    const { logger } = this.config;
    if (logger === undefined) process.emitWarning(message, { type: 'SessionWarning', code });
    else logger.warn({ code }, message);
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
