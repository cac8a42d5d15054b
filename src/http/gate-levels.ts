// Where the response gate sits: in front of the methods through which a response leaves.
//
// Under Express they are replaced once, on the prototype of the outermost app's responses: four own methods on each
// response would cost more than the rest of the gate. A response that has methods of its own when it comes to us
// (compression mounted outside captured the prototype's, perhaps before they were ours) is wrapped itself; so is one
// outside Express, where the prototype belongs to everybody. Exactly one level is live per response.
import type { IncomingMessage, ServerResponse } from 'node:http';

export const METHODS = ['write', 'end', 'writeHead', 'flushHeaders'] as const;
export type Method = (typeof METHODS)[number];
type Call = (this: ServerResponse, ...args: unknown[]) => unknown;

/** A place where calls on a response are met. */
export interface Level {
  /** Calls the method that this level stands in front of. */
  inner(res: ServerResponse, method: Method, args: unknown[]): unknown;
}

/** Meets the calls on responses that have a gate. */
export interface Keeper {
  readonly level: Level;
  call(method: Method, args: unknown[]): unknown;
}

const KEEPER = Symbol('session-store-js.keeper');
const LEVEL = Symbol('session-store-js.level');

interface Kept {
  [KEEPER]?: Keeper;
}
interface ExpressApp {
  parent?: ExpressApp;
  request: IncomingMessage;
  response: ServerResponse & { [LEVEL]?: Level };
}

/**
 * Where the keeper of a request's response lies: with the state of the request's stream. Express gives each request and
 * response another prototype, after which V8 takes 1.5 us for one more property on them.
 */
const placeOf = (req: IncomingMessage): Kept =>
  (req as { _readableState?: Kept })._readableState ?? (req as unknown as Kept);

export const keeperOf = (req: IncomingMessage): Keeper | undefined => placeOf(req)[KEEPER];

export function setKeeper(req: IncomingMessage, keeper: Keeper): void {
  placeOf(req)[KEEPER] = keeper;
}

/** The level at which this response is to be met. */
export function levelFor(req: IncomingMessage, res: ServerResponse): Level {
  const app = expressAppOf(req);
  if (app?.response.isPrototypeOf(res) !== true || hasOwnMethods(res))
    return wrap(res, (self) => keeperOf(self.req));
  const level = app.response[LEVEL] ?? wrap(app.response, (self) => keeperOf(self.req));
  app.response[LEVEL] = level;
  return level;
}

function hasOwnMethods(res: ServerResponse): boolean {
  for (const method of METHODS) if (Object.hasOwn(res, method)) return true;
  return false;
}

/** The outermost app: a mounted app's prototypes are gone again in its parent's error handlers. */
export function expressAppOf(req: IncomingMessage): ExpressApp | undefined {
  let { app } = req as { app?: ExpressApp };
  while (app?.parent !== undefined) app = app.parent;
  return app;
}

/** Replaces the four methods on a response or on a prototype of responses. */
function wrap(target: ServerResponse, find: (res: ServerResponse) => Keeper | undefined): Level {
  const own = new Map(METHODS.map((method) => [method, ownMethod(target, method)]));
  const level: Level = {
    inner(res, method, args) {
      // Looked up at the call, for whoever replaces a prototype's method after us.
      const call = own.get(method) ?? ((Object.getPrototypeOf(target) as ServerResponse)[method] as Call);
      return Reflect.apply(call, res, args);
    },
  };
  for (const method of METHODS) {
    Object.defineProperty(target, method, {
      configurable: true,
      writable: true,
      value: function (this: ServerResponse, ...args: unknown[]): unknown {
        const keeper = find(this);
        return keeper?.level === level ? keeper.call(method, args) : level.inner(this, method, args);
      },
    });
  }
  return level;
}

function ownMethod(target: ServerResponse, method: Method): Call | undefined {
  return Object.hasOwn(target, method) ? (target[method] as Call) : undefined;
}
