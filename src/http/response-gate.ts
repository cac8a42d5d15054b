// The response gate: no byte of a response leaves before the session changes made so far are stored (P3).
//
//   idle --writeHead--> head --write, end, flushHeaders--> held --stored--> open
//     \_______________write, end, flushHeaders____________/    \--failed--> failed: 503 through next(err)
//
// While held, the response looks sent (`headersSent`, setHeader throws), because a handler that believed otherwise
// would answer twice; its calls wait and are replayed in order. A request that did not use its session goes straight
// from idle to open (P6). Informational responses (1xx) pass: they are not the response.
import { OutgoingMessage, type IncomingMessage, type ServerResponse } from 'node:http';

import {
  keeperOf,
  levelFor,
  METHODS,
  setKeeper,
  type Keeper,
  type Level,
  type Method,
} from './gate-levels.js';
import { isGone, pretendSent, unpretend } from './pretend-sent.js';
import { holdSocket } from './socket-guard.js';

/** Somebody who has something to do before a response leaves. */
export interface GateParty {
  /** Whether it has; if nobody has, the response is not held. */
  readonly used: boolean;
  /** From here on, nothing can be added to the response. */
  seal(): void;
  /** Stores what there is to store. A rejection fails the response. */
  settle(): Promise<void>;
  /** Adds headers, just before they leave. */
  decorate(res: ServerResponse): void;
}

export type Next = (error?: unknown) => void;

interface Head {
  readonly status: number;
  readonly reason: string | undefined;
}

/** The response as it was when it came to us: what a 503 starts from. */
interface Entry {
  readonly status: number;
  readonly message: string;
  readonly headers: ReturnType<ServerResponse['getHeaders']>;
}

export class ResponseGate implements Keeper {
  readonly level: Level;
  readonly #res: ServerResponse;
  readonly #next: Next;
  readonly #parties: GateParty[] = [];
  readonly #entry: Entry;
  readonly #sources = new Set<{ unpipe(target: unknown): void }>();
  #state: 'idle' | 'head' | 'held' | 'open' | 'failed' = 'idle';
  #head: Head | null = null;
  #calls: { method: Method; args: unknown[] }[] = [];
  #releaseSocket: ((destroyed: boolean) => void) | undefined;

  private constructor(req: IncomingMessage, res: ServerResponse, next: Next) {
    this.#res = res;
    this.#next = next;
    this.#entry = { status: res.statusCode, message: res.statusMessage, headers: res.getHeaders() };
    this.level = levelFor(req, res);
    res.on('pipe', (source: { unpipe(target: unknown): void }) => this.#sources.add(source));
  }

  /** Puts a party behind the gate of a response; the first one builds it. */
  static join(req: IncomingMessage, res: ServerResponse, next: Next, party: GateParty): void {
    let gate = keeperOf(req);
    if (!(gate instanceof ResponseGate)) setKeeper(req, (gate = new ResponseGate(req, res, next)));
    (gate as ResponseGate).#parties.push(party);
  }

  call(method: Method, args: unknown[]): unknown {
    switch (this.#state) {
      case 'open':
        return this.level.inner(this.#res, method, args);
      case 'failed':
        return this.#swallow(method, args);
      case 'idle':
        if (method === 'writeHead') return this.#recordHead(args);
        break;
      default:
        if (method === 'writeHead') throw headersSent();
    }
    checkChunk(method, args[0]);
    if (this.#state !== 'held') {
      if (!this.#parties.some(({ used }) => used)) return this.#pass(method, args);
      this.#hold();
    }
    this.#calls.push({ method, args });
    if (method === 'end') this.#releaseSocket ??= holdSocket(this.#res);
    return method === 'write' ? false : this.#res;
  }

  /** Takes status and headers over at once, so that bad ones throw where they were written, as Node's do. */
  #recordHead(args: unknown[]): unknown {
    const [status, second, third] = args;
    const reason = typeof second === 'string' ? second : undefined;
    const code = Number(status) | 0;
    const isGood =
      code >= 100 && code <= 999 && !(reason !== undefined && /[^\t\x20-\x7e\x80-\xff]/.test(reason));
    // Node's own errors for bad arguments; it throws before it does anything.
    if (!isGood) return this.level.inner(this.#res, 'writeHead', args);
    if (code < 200 && code !== 101) return this.level.inner(this.#res, 'writeHead', args);
    applyHeaders(this.#res, third ?? (reason === undefined ? second : undefined));
    this.#head = { status: code, reason };
    this.#state = 'head';
    this.#res.statusCode = code;
    pretendSent(this.#res);
    return this.#res;
  }

  #pass(method: Method, args: unknown[]): unknown {
    for (const party of this.#parties) party.seal();
    this.#open();
    return this.level.inner(this.#res, method, args);
  }

  #hold(): void {
    // A status that is set after the response looks sent has no effect, as with Node.
    const { statusCode, statusMessage } = this.#res;
    this.#state = 'held';
    pretendSent(this.#res);
    for (const party of this.#parties) party.seal();
    Promise.all(this.#parties.map((party) => party.settle())).then(
      // One turn of the event loop lets the responses of parallel requests leave together: 12 us less CPU each.
      () => setImmediate(() => this.#release(statusCode, statusMessage)),
      (error: unknown) => setImmediate(() => this.#fail(error)),
    );
  }

  #release(status: number, message: string): void {
    const res = this.#res;
    try {
      unpretend(res);
      if (!isGone(res)) {
        res.statusCode = status;
        if (message) res.statusMessage = message;
        for (const party of this.#parties) party.decorate(res);
      }
      this.#open();
      this.#replay();
    } catch (error) {
      if (res.headersSent) this.#next(error);
      else this.#fail(error);
    }
  }

  /** From here on, calls go straight through. */
  #open(): void {
    const head = this.#head;
    unpretend(this.#res);
    this.#state = 'open';
    if (head !== null)
      this.level.inner(
        this.#res,
        'writeHead',
        head.reason === undefined ? [head.status] : [head.status, head.reason],
      );
  }

  #replay(): void {
    const res = this.#res;
    const calls = this.#calls;
    this.#calls = [];
    let isWritable = true;
    let hasEnd = false;
    const corked = calls.length > 1 && typeof res.cork === 'function';
    if (corked) res.cork();
    try {
      for (const { method, args } of calls) {
        const result = this.level.inner(res, method, args);
        hasEnd ||= method === 'end';
        if (method === 'write') isWritable &&= result !== false;
      }
    } finally {
      if (corked) res.uncork();
      this.#releaseSocket?.(true);
    }
    // Every held write said false; a writer that waits for drain would wait for ever.
    if (isWritable && !hasEnd && calls.some(({ method }) => method === 'write')) res.emit('drain');
  }

  /**
   * Answers with an error instead. What the handler wrote is dropped, its headers with it, and whatever it goes on
   * writing: an inner compression has eaten its state, a pipe would write into the error page.
   */
  #fail(error: unknown): void {
    const res = this.#res;
    const calls = this.#calls;
    this.#calls = [];
    unpretend(res);
    this.#state = 'failed';
    for (const source of this.#sources) source.unpipe(res);
    for (const method of [...METHODS, 'flush', 'on', 'addListener']) Reflect.deleteProperty(res, method);
    this.#letThrough();
    if (!isGone(res)) {
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      for (const [name, value] of Object.entries(this.#entry.headers))
        if (value !== undefined) res.setHeader(name, value);
      res.statusCode = this.#entry.status;
      if (this.#entry.message) res.statusMessage = this.#entry.message;
    }
    this.#releaseSocket?.(false);
    for (const { method, args } of calls) this.#swallow(method, args);
    this.#next(error);
  }

  /** Methods for the error handler alone: calls of the handler come through what it captured, to this gate. */
  #letThrough(): void {
    let hasEnded = false;
    for (const method of METHODS) {
      Object.defineProperty(this.#res, method, {
        configurable: true,
        writable: true,
        value: (...args: unknown[]): unknown => {
          if (hasEnded) return this.#swallow(method, args);
          hasEnded = method === 'end';
          return this.level.inner(this.#res, method, args);
        },
      });
    }
  }

  /** Does nothing but what a caller may wait for. */
  #swallow(method: Method, args: unknown[]): unknown {
    const callback = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
    if (callback !== undefined) process.nextTick(callback);
    return method === 'write' ? true : this.#res;
  }
}

/** Throws Node's own error for a chunk that is neither text nor bytes, at the call that has it. */
function checkChunk(method: Method, chunk: unknown): void {
  if (method === 'flushHeaders' || typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  if (method === 'end' && (!chunk || typeof chunk === 'function')) return;
  new OutgoingMessage().write(chunk);
}

function headersSent(): Error {
  const error = new Error('Cannot write headers after they are sent to the client');
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
}

/** The headers argument of writeHead: an object, a flat list of names and values, or a list of pairs. */
function applyHeaders(res: ServerResponse, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value as string);
    return;
  }
  const flat: unknown[] = headers.some(Array.isArray) ? headers.flat() : headers;
  if (flat.length % 2 !== 0)
    throw Object.assign(new TypeError("The argument 'headers' is invalid"), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  for (let index = 0; index < flat.length; index += 2) res.removeHeader(String(flat[index]));
  for (let index = 0; index < flat.length; index += 2)
    res.appendHeader(String(flat[index]), flat[index + 1] as string | string[]);
}
