// The packages of this folder's own node_modules. Their types are not there when the project is compiled: each test
// says the little that it needs of them.
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { MemoryStore } from '../../src/express-session/stores.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import type { Handler } from '../../src/express-session/types.js';

const requirePackage = createRequire(join(__dirname, 'package.json'));

/** `require` as an application in this folder would. */
export const load = (name: string): unknown => requirePackage(name);

/** What store packages are handed: express-session, or what stands in for it. */
export interface SessionModule {
  (options: Record<string, unknown>): Handler;
  readonly Store: abstract new () => object;
  readonly MemoryStore: new () => MemoryStore;
}

/** Most packages are functions of express-session that return a class of stores. */
export type StoreFactory<Options, Store = ExpressStore> = (
  session: SessionModule,
) => new (options: Options) => Store;

export const expressSession = (): SessionModule => load('express-session') as SessionModule;
