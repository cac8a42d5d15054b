// zod validates options. It costs tens of milliseconds to load, so the first manager or store that is built loads it,
// not `require('session-store-js')`. The ES module build has its own two lines for this file (scripts/build.mjs).
import type * as Zod from 'zod';

export const loadZod = (): typeof Zod => require('zod') as typeof Zod;
