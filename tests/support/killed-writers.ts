// What a writer of the file store that is killed at some stage leaves: each entry makes it by hand.
import { mkdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import type { FileStoreReport } from '../../src/stores/file-store.js';
import { HOUR, digitsOf, parsed, put, type FileWorld } from './file-world.js';

/** The session that it wrote. */
export const ID = 'an-id-that-is-long-enough';
/** Of another process: its part and a count. */
export const NONCE = '0123456789abcdefz-0';

/** What a writer that was killed leaves, and what becomes of it. `live`: the data of the session afterwards. */
export const STAGES: Record<
  string,
  { make(world: FileWorld): Promise<void>; report: Partial<FileStoreReport>; live: string | null }
> = {
  'insert: staged': {
    make: async ({ record, fileOf, store, path }) => {
      await store.ensureDirectory();
      mkdirSync(join(path, digitsOf(ID).slice(0, 3)), 0o700);
      put(fileOf(ID), { seq: 1, nonce: NONCE, dueAt: 0, record: record(ID) }, 'staged');
    },
    report: { litter: 1 },
    live: null,
  },
  'insert: staged, token made': {
    make: async (world) => {
      await STAGES['insert: staged']?.make(world);
      const { record, fileOf } = world;
      put(fileOf(ID), { seq: 1, nonce: NONCE, dueAt: 0, record: record(ID) }, 'token');
    },
    report: { litter: 2 },
    live: null,
  },
  'insert: linked, staged left': {
    make: async ({ add, fileOf }) => {
      const record = await add(ID);
      const { nonce, dueAt } = parsed(fileOf(ID));
      put(fileOf(ID), { seq: 1, nonce, dueAt, record }, 'staged');
    },
    report: { sessions: 1, litter: 1 },
    live: '{"visits":3}',
  },
  'insert: lost against another, its token and staged file left': {
    make: async ({ add, fileOf, record }) => {
      await add(ID);
      for (const kind of ['staged', 'token'] as const)
        put(fileOf(ID), { seq: 1, nonce: NONCE, dueAt: 0, record: record(ID, { data: '{"x":1}' }) }, kind);
    },
    report: { sessions: 1, litter: 2 },
    live: '{"visits":3}',
  },
  'replace: staged': {
    make: async ({ add, fileOf, record }) => {
      await add(ID);
      put(fileOf(ID), { seq: 2, nonce: NONCE, dueAt: 0, record: record(ID, { data: '{"x":1}' }) }, 'staged');
    },
    report: { sessions: 1, litter: 1 },
    live: '{"visits":3}',
  },
  'replace: staged, by two that were killed': {
    make: async ({ add, fileOf, record }) => {
      await add(ID);
      for (const nonce of [NONCE, NONCE.replace('z', 'y')])
        put(fileOf(ID), { seq: 2, nonce, dueAt: 0, record: record(ID, { data: '{"x":1}' }) }, 'staged');
    },
    report: { sessions: 1, litter: 2 },
    live: '{"visits":3}',
  },
  'replace: committed and not published': {
    make: async ({ add, fileOf, tokenOf, record, clock }) => {
      await add(ID);
      unlinkSync(tokenOf(ID));
      const stored = {
        seq: 2,
        nonce: NONCE,
        dueAt: clock.now() + HOUR,
        record: record(ID, { data: '{"x":1}' }),
      };
      for (const kind of ['staged', 'token'] as const) put(fileOf(ID), stored, kind);
    },
    report: { sessions: 1 },
    live: '{"x":1}',
  },
  'replace: committed, the staged file lost': {
    make: async ({ add, fileOf, tokenOf, record }) => {
      await add(ID);
      unlinkSync(tokenOf(ID));
      put(fileOf(ID), { seq: 2, nonce: NONCE, dueAt: 0, record: record(ID) }, 'token');
    },
    report: { sessions: 1 },
    live: '{"visits":3}',
  },
  'remove: token gone': {
    make: async ({ add, tokenOf }) => {
      await add(ID);
      unlinkSync(tokenOf(ID));
    },
    report: { litter: 1 },
    live: null,
  },
};
