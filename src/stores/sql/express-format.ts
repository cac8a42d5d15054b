// Sessions in the table of another store of express-session, so that both run side by side on the same rows: the session
// as JSON, its end in whole seconds. What the other store does not know stands in columns that it does not name, and holds
// for the text with this digest; the other one's writes leave them as they are, and its removals take them along.
import { SessionError } from '../../core/errors.js';
import { expiryOf, sessionOf, textOfSession } from '../express-face.js';
import type { StoredSession } from '../session.js';
import { stepsOf } from './ddl.js';
import type { Dialect, TableName } from './dialect.js';
import { NEVER, type Column, type Format, type Names, type Step } from './format.js';
import { corrupt, factsOf, objectIn, recordOf } from './record-row.js';

/** The table of the other store, and what its engine says of it. */
export interface ExpressTable {
  readonly table: string;
  readonly key: Column;
  readonly data: Column;
  readonly end: Column;
  isKey(key: string, wanted: string): string;
  /** Of the column of the data. */
  text(data: string): string;
  /** What goes there. */
  json(text: string): string;
  digest(text: string): string;
  /** Of the column of the end: whole seconds since 1970. */
  seconds(end: string): string;
  /** What goes there. */
  instant(seconds: string): string;
  /** Whether that is there. */
  isAt(end: string, seconds: string): string;
  /** The latest end, seconds since 1970. */
  readonly lastSecond: number;
  /** What orders keys without telling them: an indexed digest, in a column of its own or as an index alone. */
  readonly place: 'column' | 'index';
}

/** Behind these names other columns of an application are safe. */
const added = ({ types: { name, text, number } }: Dialect) =>
  ({
    version: { name: 'store_version', holds: 'text', type: name },
    digest: { name: 'store_digest', holds: 'text', type: name },
    createdAt: { name: 'store_created_at', holds: 'number', type: number },
    deadlineAt: { name: 'store_deadline_at', holds: 'number', type: number },
    idleMs: { name: 'store_idle_ms', holds: 'number', type: number },
    /** The end to the millisecond, if the other store did not move it. */
    expiresAt: { name: 'store_expires_at', holds: 'number', type: number },
    isOwnEnd: { name: 'store_is_own_end', holds: 'number', type: number },
    /** 0: the cookie in the data is there for the other store. */
    hasCookie: { name: 'store_has_cookie', holds: 'number', type: number },
    owner: { name: 'store_owner', holds: 'text', type: name },
    meta: { name: 'store_meta', holds: 'text', type: text },
    closed: { name: 'store_closed', holds: 'text', type: text },
  }) as const satisfies Readonly<Record<string, Column>>;

type Added = keyof ReturnType<typeof added>;
export type ExpressColumn = 'key' | 'data' | 'end' | 'place' | Added;

const PLACE: Readonly<Record<'place', Column>> = {
  place: { name: 'store_place', holds: 'text', type: 'BINARY(32)' },
};

/** What the other store takes for a session that is not there. */
const NOTHING = 'null';

export function expressFormat(dialect: Dialect, theirs: ExpressTable): Format<ExpressColumn> {
  const { least } = dialect;
  const ours = added(dialect);
  const facts = Object.keys(ours) as Added[];
  type C = Names<ExpressColumn>;
  const text = (c: C): string => theirs.text(`s.${c.data}`);
  const isOurs = (c: C): string => `s.${c.digest} = ${theirs.digest(text(c))}`;
  const secondsOf = (ms: string): string => `${least}(CEIL(${ms} / 1000.0), ${String(theirs.lastSecond)})`;
  const expiresAt = (c: C): string => {
    const told = theirs.seconds(`s.${c.end}`);
    // Asked as it was written: where clocks are put back, two moments have one name.
    const isTold = theirs.isAt(`s.${c.end}`, secondsOf(`s.${c.expiresAt}`));
    return `${least}(CASE WHEN ${isTold} THEN s.${c.expiresAt} ELSE ${told} * 1000 END, ${deadlineAt(c)})`;
  };
  const deadlineAt = (c: C): string => `COALESCE(s.${c.deadlineAt}, ${String(NEVER)})`;
  const placeOf = (key: string): string => theirs.digest(key);
  const isPlaced = theirs.place === 'column';
  const stepsOfFacts = ({ name, quoted }: TableName, c: C): Step[] => {
    const { indexes, quote } = dialect;
    const step = (makes: keyof C, sql: string): Step => ({ makes: c[makes].slice(1, -1), sql });
    const column = (what: keyof C, type: string, index: string): Step =>
      step(what, `ALTER TABLE ${quoted} ADD COLUMN ${c[what]} ${type}${index}`);
    const index = (end: string): string => `${quote}${name}_${end}${quote}`;
    // A column comes with its index, where the engine makes both in one step.
    const withIndex = (end: string, on: string): string =>
      indexes === 'inside' ? `, ADD INDEX ${index(end)} (${on})` : '';
    const place = `${PLACE.place.type} GENERATED ALWAYS AS (${placeOf(c.key)}) VIRTUAL`;
    const [last, ...others] = [...facts].reverse();
    return [
      ...(isPlaced ? [column('place', place, withIndex('place', c.place))] : []),
      ...others.map((what) =>
        column(what, ours[what].type, what === 'owner' ? withIndex('user', c.owner) : ''),
      ),
      // Elsewhere indexes come before the last column: who finds that finds them.
      ...(last === undefined || indexes === 'inside'
        ? []
        : [
            step(last, `CREATE INDEX IF NOT EXISTS ${index('user')} ON ${quoted} (${c.owner})`),
            step(last, `CREATE INDEX IF NOT EXISTS ${index('place')} ON ${quoted} (${placeOf(c.key)})`),
          ]),
      ...(last === undefined ? [] : [column(last, ours[last].type, '')]),
    ];
  };
  return {
    // `place` where it is one.
    columns: {
      key: theirs.key,
      data: theirs.data,
      end: theirs.end,
      ...(isPlaced ? PLACE : null),
      ...ours,
    } as Format<ExpressColumn>['columns'],
    table: theirs.table,
    isShared: true,
    expressions: (c) => ({
      key: `s.${c.key}`,
      isKey: theirs.isKey(`s.${c.key}`, ':key'),
      version: `CASE WHEN ${isOurs(c)} THEN s.${c.version} ELSE ${theirs.digest(text(c))} END`,
      data: text(c),
      createdAt: `COALESCE(s.${c.createdAt}, ${String(NEVER)})`,
      deadlineAt: deadlineAt(c),
      expiresAt: expiresAt(c),
      isOwnEnd: `s.${c.isOwnEnd}`,
      owner: `s.${c.owner}`,
      closed: `s.${c.closed}`,
      place: isPlaced ? `s.${c.place}` : placeOf(`s.${c.key}`),
      row: `s.${c.key}`,
      hasEnded: `s.${c.end} <= ${theirs.instant('CEIL(:now / 1000.0)')}`,
      end: `s.${c.end}`,
    }),
    reads: (c, everybody) => ({
      idleMs: `s.${c.idleMs}`,
      isOwnEnd: `s.${c.isOwnEnd}`,
      meta: `s.${c.meta}`,
      hasCookie: `s.${c.hasCookie}`,
      isOurs: `CASE WHEN ${isOurs(c)} THEN 1 ELSE 0 END`,
      revokedBefore: `CASE WHEN s.${c.createdAt} IS NULL THEN ${everybody} ELSE 0 END`,
    }),
    writes: (c) => [
      [c.data, theirs.json(':data')],
      [c.end, theirs.instant(':seconds')],
      ...facts.map((what) => [c[what], what === 'digest' ? theirs.digest(':text') : `:${what}`] as const),
    ],
    // MySQL sets from left to right: the end follows from what stands before it, the old one or the new.
    extended: (c, later) => [
      [c.expiresAt, later],
      [c.end, theirs.instant(secondsOf(later))],
    ],
    steps: (sessions, c) => [
      ...stepsOf(dialect, sessions, {
        lines: (['key', 'data', 'end'] as const).map((what) => `${c[what]} ${theirs[what].type}`),
        indexes: { expire: [c.end] },
      }),
      ...stepsOfFacts(sessions, c),
    ],
    valuesOf: (record, now, lifeMs) => {
      const values = factsOf(record, now, lifeMs);
      const isClosed = record.closed !== undefined;
      const data = isClosed ? NOTHING : JSON.stringify(sessionOf(record));
      const { cookie } = JSON.parse(record.data) as StoredSession;
      const seconds = Math.min(Math.ceil(Number(values.expiresAt) / 1_000), theirs.lastSecond);
      const hasCookie = cookie === undefined ? 0 : 1;
      return { ...values, key: record.key, data, text: data, seconds, hasCookie };
    },
    recordOf: (key, row, now, lifeMs) => {
      if (row['closed'] !== null) return recordOf(key, { ...row, data: '{}' });
      const session = sessionIn(row['data']);
      const said = expiryOf(session);
      const facts =
        Number(row['isOurs']) === 1
          ? row
          : { ...row, idleMs: said.idleMs, isOwnEnd: said.expiresAt === null ? 0 : 1 };
      // When the other store's application began it, nobody knows: not after its last save.
      const idleMs = Number(facts['idleMs'] ?? lifeMs);
      // A touch moves the end in the row, not the one in the text.
      const began = Math.min((said.expiresAt ?? Infinity) - idleMs, Number(row['expiresAt']) - idleMs, now);
      const createdAt = Number(row['createdAt']) === NEVER ? began : row['createdAt'];
      const { cookie, ...rest } = session;
      const hasCookie = cookie !== undefined && Number(row['hasCookie'] ?? 1) === 1;
      return recordOf(key, { ...row, ...facts, createdAt, data: textOfSession(hasCookie ? session : rest) });
    },
    first: '',
    placeOf: (cursor) => (/^[0-9a-f]{32}$/.test(cursor) ? cursor : undefined),
  };
}

/** @throws {SessionError} ERR_SESSION_CORRUPT */
function sessionIn(text: unknown): StoredSession {
  const session = objectIn(text) as StoredSession | undefined;
  try {
    if (session !== undefined) {
      expiryOf(session);
      return session;
    }
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
  }
  throw corrupt();
}
