// Packages that are loaded when something needs them, not by `require('session-store-js')`: zod, which the first manager or
// store with options to check loads, takes tens of milliseconds; cockatiel, for a manager with a `breaker`, has 28 files.
// The ES module build puts a `require` before this file's code (scripts/build.mjs).
import type * as Cockatiel from 'cockatiel';
import type * as Zod from 'zod';

export const loadZod = (): typeof Zod => require('zod') as typeof Zod;
export const loadCockatiel = (): typeof Cockatiel => require('cockatiel') as typeof Cockatiel;
