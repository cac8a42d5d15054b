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
import { headersSent, isGone, isHttp1, pretendSent, unpretend } from './pretend-sent.js';
import {
  applyHeaders,
  headOf,
  lineOf,
  restoreHead,
  setLine,
  type ResponseHead,
  type StatusLine,
} from './response-head.js';
import { holdSocket } from './socket-guard.js';

/** Somebody who has something to do before a response leaves. */
export interface GateParty {
  /** Whether it has; if nobody has, the response is not held. */
  readonly used: boolean;
  /** From here on, nothing can be added to the response. */
  seal(): void;
  /** Stores what there is to store. A rejection fails the response. */
  settle(): Promise<void>;
  /** Whether there is something to store before the end of a response that has begun to leave. Default: never. */
  readonly isLate?: boolean;
  /** Adds headers, just before they leave. */
  decorate(res: ServerResponse): void;
}

export type Next = (error?: unknown) => void;

interface Head {
  readonly status: number;
  readonly reason: string | undefined;
}

const NOBODY: readonly GateParty[] = [];

/** What a compression puts on a response besides the gate's methods. */
const HOOKS = ['flush', 'on', 'addListener'] as const;

const NO_HOOKS: readonly PropertyDescriptor[] = [];

/** What is piped into a response. Old streams have neither method. */
interface Source {
  unpipe?(target: unknown): void;
  resume?(): void;
}

type Listener = Parameters<ServerResponse['on']>[1];

export class ResponseGate implements Keeper {
  readonly level: Level;
  readonly #res: ServerResponse;
  readonly #next: Next;
  readonly #parties: GateParty[] = [];
  /** The head as it was when the response came to us: what a 503 starts from. */
  readonly #entry: ResponseHead;
  /** Its own hooks then, which a compression outside needs for the 503 too. */
  readonly #hooks: readonly (PropertyDescriptor | undefined)[];
  #sources: Set<Source> | null = null;
  readonly #drains: Listener[] = [];
  #state: 'idle' | 'head' | 'held' | 'open' | 'failed' = 'idle';
  #head: Head | null = null;
  #calls: { method: Method; args: unknown[] }[] = [];
  #hasEnd = false;
  /** Its end waits for what was changed while it streamed. */
  #isEnding = false;
  #releaseSocket: ((destroyed: boolean) => void) | undefined;

  private constructor(req: IncomingMessage, res: ServerResponse, next: Next) {
    this.#res = res;
    this.#next = next;
    this.#entry = headOf(res);
    this.#hooks = HOOKS.some((name) => Object.hasOwn(res, name))
      ? HOOKS.map((name) => Object.getOwnPropertyDescriptor(res, name))
      : NO_HOOKS;
    if (res.headersSent) this.#state = 'open';
    this.level = levelFor(req, res);
    this.#watchDrain();
    res.on('pipe', onPipe);
  }

  /** Puts a party behind the gate of a response; the first one builds it. */
  static join(req: IncomingMessage, res: ServerResponse, next: Next, party: GateParty): void {
    const keeper = keeperOf(req);
    const gate = keeper instanceof ResponseGate ? keeper : new ResponseGate(req, res, next);
    if (gate !== keeper) setKeeper(req, gate);
    gate.#admit(party);
  }

  /** Those behind the gate of a request's response. */
  static partiesOf(req: IncomingMessage): readonly GateParty[] {
    const keeper = keeperOf(req);
    return keeper instanceof ResponseGate ? keeper.#parties : NOBODY;
  }

  /** A stream is piped into the response of a request. */
  static piped(req: IncomingMessage, source: Source): void {
    const keeper = keeperOf(req);
    if (keeper instanceof ResponseGate) (keeper.#sources ??= new Set()).add(source);
  }

  #admit(party: GateParty): void {
    this.#parties.push(party);
    // It comes after the response has begun to leave.
    if (this.#state !== 'idle' && this.#state !== 'head') party.seal();
  }

  call(method: Method, args: unknown[]): unknown {
    switch (this.#state) {
      case 'open':
        if (this.#isEnding) return this.#swallow(method, args);
        if (method === 'end' && !this.#hasEnd && this.#late().length > 0) return this.#endLater(args);
        return this.level.inner(this.#res, method, args);
      case 'failed':
        return this.#swallow(method, args);
      case 'idle':
        if (method === 'writeHead') return this.#recordHead(args);
        break;
      default:
        if (method === 'writeHead') throw headersSent(this.#res);
    }
    checkChunk(method, args[0]);
    if (this.#state !== 'held') {
      if (!this.#parties.some(({ used }) => used)) return this.#pass(method, args);
      // Node renders the head here. Whoever hooks writeHead inside must see it before the writes that follow, or an
      // inner compression lets them pass as they are and the release announces them as gzip. `end` renders it after
      // it has counted the body.
      if (this.#state === 'idle' && method !== 'end') this.#res.writeHead(this.#res.statusCode);
      this.#hold();
    }
    if (method === 'end') {
      if (this.#hasEnd) return this.#swallow(method, args);
      this.#hasEnd = true;
      this.#releaseSocket = holdSocket(this.#res);
    }
    this.#calls.push({ method, args });
    return method === 'write' ? false : this.#res;
  }

  /** Takes status and headers over at once, so that bad ones throw where they were written, as Node's do. */
  #recordHead(args: unknown[]): unknown {
    const res = this.#res;
    const [status, second, third] = args;
    const reason = typeof second === 'string' ? second : undefined;
    const code = Number(status) | 0;
    const isGood = code >= 100 && code <= 999 && !/[^\t\x20-\x7e\x80-\xff]/.test(reason ?? '');
    // Node's own errors for bad arguments; HTTP/1 throws before it sends anything, HTTP/2 below.
    if (!isGood && isHttp1(res)) return this.level.inner(res, 'writeHead', args);
    res.statusCode = code;
    applyHeaders(res, third ?? (reason === undefined ? second : undefined));
    this.#head = { status: code, reason };
    this.#state = 'head';
    pretendSent(res);
    return res;
  }

  #pass(method: Method, args: unknown[]): unknown {
    for (const party of this.#parties) party.seal();
    this.#open();
    return this.level.inner(this.#res, method, args);
  }

  #hold(): void {
    // A status that is set after the response looks sent has no effect, as with Node.
    const line = lineOf(this.#res);
    this.#state = 'held';
    pretendSent(this.#res);
    for (const party of this.#parties) party.seal();
    settled(this.#parties).then(
      // One turn of the event loop lets the responses of parallel requests leave together: 12 us less CPU each.
      () => setImmediate(() => this.#release(line)),
      (error: unknown) => setImmediate(() => this.#fail(error)),
    );
  }

  #release(line: StatusLine): void {
    const res = this.#res;
    try {
      unpretend(res);
      if (!isGone(res)) {
        setLine(res, line);
        for (const party of this.#parties) party.decorate(res);
      }
      this.#open();
      this.#replay();
      this.#releaseSocket?.(true);
    } catch (error) {
      if (!res.headersSent) {
        this.#fail(error);
        return;
      }
      this.#releaseSocket?.(true);
      this.#next(error);
    }
  }

  #late(): GateParty[] {
    return this.#parties.filter(({ isLate }) => isLate === true);
  }

  #endLater(args: unknown[]): unknown {
    const res = this.#res;
    this.#isEnding = true;
    const end = (): void => {
      this.#isEnding = false;
      this.#hasEnd = true;
      this.level.inner(res, 'end', args);
    };
    settled(this.#late()).then(end, (error: unknown) => {
      // It cannot be answered with any more.
      res.once('close', () => this.#next(error));
      end();
    });
    return res;
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

  /** Not corked: that would join what the handler wrote in chunks of its own. Node corks the socket itself. */
  #replay(): void {
    const res = this.#res;
    const calls = this.#calls;
    this.#calls = [];
    let isWritable = true;
    for (const { method, args } of calls) {
      const result = this.level.inner(res, method, args);
      if (method === 'write') isWritable &&= result !== false;
    }
    // Every held write said false; a writer that waits for drain would wait for ever.
    if (isWritable && !this.#hasEnd && calls.some(({ method }) => method === 'write')) this.#drain();
  }

  #drain(): void {
    const res = this.#res;
    const heard = new Set(res.listeners('drain'));
    res.emit('drain');
    for (const listener of this.#drains) if (!heard.has(listener)) Reflect.apply(listener, res, []);
    this.#drains.length = 0;
  }

  /**
   * A compression outside takes the listeners for `drain` to its own stream, which begins when the response is
   * released and has nothing to drain then:
   *
   *   pipe: write -> false (held), on('drain') · release: compression's stream takes it all · nobody resumes the pipe
   */
  #watchDrain(): void {
    const res = this.#res;
    if (!Object.hasOwn(res, 'on')) return;
    const on = res.on.bind(res);
    res.on = (event: string, listener: Listener) => {
      if (event === 'drain' && this.#state === 'held') this.#drains.push(listener);
      return on(event, listener);
    };
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
    for (const source of this.#sources ?? []) {
      source.unpipe?.(res);
      // It runs out to nobody, as into the answer to HEAD: a file that stays paused would stay open.
      source.resume?.();
    }
    for (const method of METHODS) Reflect.deleteProperty(res, method);
    for (const [index, name] of HOOKS.entries()) {
      Reflect.deleteProperty(res, name);
      const own = this.#hooks[index];
      if (own !== undefined) Object.defineProperty(res, name, own);
    }
    this.#letThrough();
    if (!isGone(res)) restoreHead(res, this.#entry);
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
          const result = this.level.inner(this.#res, method, args);
          // Not before: `end` calls writeHead, and on HTTP/2 write, by these names.
          if (method === 'end') hasEnded = true;
          return result;
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

/** One for all responses: a listener of its own costs each of them a microsecond. */
function onPipe(this: ServerResponse, source: Source): void {
  ResponseGate.piped(this.req, source);
}

/** Without Promise.all for the one that most responses have. */
function settled(parties: readonly GateParty[]): Promise<unknown> {
  const [first] = parties;
  return parties.length === 1 && first !== undefined
    ? first.settle()
    : Promise.all(parties.map((party) => party.settle()));
}

/** Throws Node's own error for a chunk that is neither text nor bytes, at the call that has it. */
function checkChunk(method: Method, chunk: unknown): void {
  if (method === 'flushHeaders' || typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  if (method === 'end' && (!chunk || typeof chunk === 'function')) return;
  new OutgoingMessage().write(chunk);
}
