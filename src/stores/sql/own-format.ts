// A session in a row of the store's own table.
import { stepsOf } from './ddl.js';
import type { Dialect } from './dialect.js';
import type { Column, Format, Names } from './format.js';
import { factsOf, recordOf } from './record-row.js';

/** By what they hold. */
const columnsOf = ({ types: { sequence, name, text, number } }: Dialect) =>
  ({
    /** Grows from session to session: the order of lists. */
    number: { name: 'number', holds: 'number', type: sequence },
    key: { name: 'session_key', holds: 'text', type: `${name} NOT NULL UNIQUE` },
    version: { name: 'version', holds: 'text', type: `${name} NOT NULL` },
    data: { name: 'data', holds: 'text', type: `${text} NOT NULL` },
    createdAt: { name: 'created_at', holds: 'number', type: `${number} NOT NULL` },
    /** NEVER: none. */
    deadlineAt: { name: 'deadline_at', holds: 'number', type: `${number} NOT NULL` },
    idleMs: { name: 'idle_ms', holds: 'number', type: number },
    /** When it ends, whoever says so. */
    expiresAt: { name: 'expires_at', holds: 'number', type: `${number} NOT NULL` },
    /** 1: its own word, 0: the store's. */
    isOwnEnd: { name: 'is_own_end', holds: 'number', type: `${number} NOT NULL` },
    owner: { name: 'owner', holds: 'text', type: name },
    meta: { name: 'meta', holds: 'text', type: text },
    closed: { name: 'closed', holds: 'text', type: text },
  }) as const satisfies Readonly<Record<string, Column>>;

export type OwnColumn = keyof ReturnType<typeof columnsOf>;

export function ownFormat(dialect: Dialect): Format<OwnColumn> {
  const columns = columnsOf(dialect);
  const all = Object.keys(columns) as OwnColumn[];
  const written = all.filter((what) => what !== 'number' && what !== 'key');
  return {
    columns,
    table: 'sessions',
    isShared: false,
    expressions: (c) => ({
      ...(Object.fromEntries(all.map((what) => [what, `s.${c[what]}`])) as Names<OwnColumn>),
      isKey: `s.${c.key} = :key`,
      place: `s.${c.number}`,
      row: `s.${c.number}`,
      hasEnded: `s.${c.expiresAt} <= :now`,
      end: `s.${c.expiresAt}`,
    }),
    reads: (c) => ({ idleMs: `s.${c.idleMs}`, isOwnEnd: `s.${c.isOwnEnd}`, meta: `s.${c.meta}` }),
    writes: (c) => written.map((what) => [c[what], `:${what}`]),
    extended: (c, later) => [[c.expiresAt, later]],
    steps: (sessions, c) =>
      stepsOf(dialect, sessions, {
        lines: all.map((what) => `${c[what]} ${columns[what].type}`),
        indexes: { end: [c.expiresAt], user: [c.owner, c.number] },
      }),
    valuesOf: (record, now, lifeMs) => ({
      ...factsOf(record, now, lifeMs),
      key: record.key,
      data: record.data,
    }),
    recordOf,
    first: 0,
    placeOf: (cursor) => (/^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined),
  };
}
