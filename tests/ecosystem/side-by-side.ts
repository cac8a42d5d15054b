// Apps beside each other on one Redis and one prefix: express-session with connect-redis, and ours with the RedisStore and
// format 'connect-redis', each with a client of its own; and a browser that goes back and forth between them.
import { createHmac } from 'node:crypto';

import type { SessionId } from '../../src/core/contract.js';
import { Signer } from '../../src/core/signing.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import { RedisStore } from '../../src/stores/redis-store.js';
import type { Client } from '../support/http.js';
import { CLIENTS, type ConnectedClient } from '../support/redis-clients.js';
import { administrator, type Ask } from '../support/redis-world.js';
import { SECRET } from '../support/secret.js';
import { startRedis } from '../support/services/redis.js';
import { startApp, type App } from './app.js';
import { DROP_IN, EXPRESS_SESSION, HOUR_MS, MANAGER } from './faces.js';
import { load } from './packages.js';

export const PREFIX = 'myapp:';

export interface SideBySide {
  /** express-session with connect-redis. */
  readonly theirs: App;
  readonly ours: App;
  readonly facade: App;
  readonly facadeStore: RedisStore;
  /** Past all of them. */
  readonly ask: Ask;
  close(): Promise<void>;
}

interface PackageClient {
  connect(): Promise<unknown>;
  /** `quit` before version 5. */
  close?(): Promise<void>;
  quit(): Promise<unknown>;
}

type PackageStoreClass = new (options: { client: PackageClient; prefix: string }) => ExpressStore;

export type ConnectRedis = 'connect-redis' | 'connect-redis-7';

/** @param client The one that ours uses. */
export async function startSideBySide(name: ConnectRedis, client: string): Promise<SideBySide> {
  const redis = await startRedis();
  const admin = await administrator(redis.port);
  // Version 7 is of the time of node-redis 4, and has its store as the default export.
  const { createClient } = load(name === 'connect-redis' ? 'redis' : 'redis-4') as {
    createClient(options: { url: string }): PackageClient;
  };
  const exported = load(name) as { RedisStore?: PackageStoreClass; default?: PackageStoreClass };
  const PackageStore = (exported.RedisStore ?? exported.default) as PackageStoreClass;
  const packageClient = createClient({ url: redis.url });
  await packageClient.connect();
  const connections: ConnectedClient[] = [];
  const storeOfOurs = async (): Promise<RedisStore> => {
    const connect = CLIENTS.find(([title]) => title === client)?.[1];
    if (connect === undefined) throw new Error(`${client} is no client.`);
    const connection = await connect(redis.port);
    connections.push(connection);
    return new RedisStore({ client: connection.client, prefix: PREFIX, format: 'connect-redis' });
  };
  const facadeStore = await storeOfOurs();
  const theirs = await startApp(
    EXPRESS_SESSION,
    new PackageStore({ client: packageClient, prefix: PREFIX }),
    { maxAge: HOUR_MS },
  );
  const ours = await startApp(DROP_IN, await storeOfOurs(), { maxAge: HOUR_MS });
  const facade = await startApp(MANAGER, facadeStore);
  return {
    theirs,
    ours,
    facade,
    facadeStore,
    ask: admin.ask,
    async close() {
      for (const app of [theirs, ours, facade]) await app.close();
      for (const connection of connections) connection.close();
      await (packageClient.close?.() ?? packageClient.quit());
      admin.close();
      await redis.stop();
    },
  };
}

/** One browser, which takes its cookies from app to app. */
export class Visitor {
  #jar: ReadonlyMap<string, string> = new Map();

  get cookies(): ReadonlyMap<string, string> {
    return this.#jar;
  }

  async at<T>(app: App, visit: (client: Client) => Promise<T>): Promise<T> {
    const client = this.tab(app);
    const result = await visit(client);
    this.#jar = client.jar;
    return result;
  }

  /** A request of its own, whose cookies nobody takes up. */
  tab(app: App): Client {
    const client = app.browser();
    for (const [name, value] of this.#jar) client.jar.set(name, value);
    return client;
  }

  clone(): Visitor {
    const other = new Visitor();
    other.#jar = new Map(this.#jar);
    return other;
  }

  /** The id of the session that it has. */
  get id(): SessionId {
    const [value = ''] = this.#jar.values();
    const [id = ''] = decodeURIComponent(value).replace(/^s:/, '').split('.');
    return id as SessionId;
  }

  /** The same session with the cookie that express-session and the drop-in sign. */
  asExpress(): Visitor {
    const mac = createHmac('sha256', SECRET).update(this.id).digest('base64').replace(/=+$/, '');
    return Visitor.#with('connect.sid', encodeURIComponent(`s:${this.id}.${mac}`));
  }

  /** The same session with the cookie that a SessionManager signs. */
  asFacade(cookieName: string): Visitor {
    return Visitor.#with(cookieName, new Signer(cookieName, [SECRET]).sign(this.id));
  }

  static #with(name: string, value: string): Visitor {
    const visitor = new Visitor();
    visitor.#jar = new Map([[name, value]]);
    return visitor;
  }
}
