// The statements of a SQL store, made once. Each call of the contract is one of them, and atomic by itself: what must hold
// for it to happen stands in its WHERE, and how many rows it wrote says whether it did.
import type { Dialect } from './dialect.js';
import { statement, type Statement } from './statement.js';
import type { Column, Tables } from './table.js';

const WRITTEN = [
  'version',
  'data',
  'createdAt',
  'deadlineAt',
  'idleMs',
  'expiresAt',
  'isOwnEnd',
  'owner',
  'meta',
  'closed',
] as const satisfies readonly Column[];
const READ = ['key', ...WRITTEN] as const satisfies readonly Column[];

/** How many rows one statement of a sweep takes away: so many that it is quick, so few that nobody waits for it. */
export const BATCH = 100;
/** The names of the values of a batch. */
export const BATCHED: readonly string[] = Array.from({ length: BATCH }, (_, at) => `row${String(at)}`);

export type Statements = ReturnType<typeof statementsOf>;

export function statementsOf(dialect: Dialect, { sessions, revoked, columns: c }: Tables) {
  const { greatest, least, upsert, placeholders } = dialect;
  const s = `${sessions.quoted} AS s`;
  const since = (who: string): string =>
    `COALESCE((SELECT r.before_at FROM ${revoked.quoted} AS r WHERE r.owner = ${who}), 0)`;
  const isRevoked = `(s.${c.createdAt} < ${since("''")} OR s.${c.createdAt} < ${since(`s.${c.owner}`)})`;
  const isCurrent = `s.${c.expiresAt} > :now AND NOT ${isRevoked}`;
  const isLiving = `${isCurrent} AND s.${c.closed} IS NULL`;
  const set = WRITTEN.map((column) => `${c[column]} = :${column}`).join(', ');
  const selected = (data: string): string =>
    READ.map(
      (column) =>
        `${column === 'data' ? data : `s.${c[column]}`} AS ${dialect.quote}${column}${dialect.quote}`,
    )
      .concat(`s.${c.number} AS ${dialect.quote}number${dialect.quote}`)
      .join(', ');
  const page = (data: string, where: string): string =>
    `SELECT ${selected(data)} FROM ${s} WHERE ${where}s.${c.number} > :after AND ${isLiving} ORDER BY s.${c.number} LIMIT :limit`;
  const data = `s.${c.data}`;
  const ofOwner = `s.${c.owner} = :owner AND `;
  // MySQL has learnt `DELETE FROM ... AS` late.
  const remove = upsert === 'ON CONFLICT' ? `DELETE FROM ${s}` : `DELETE s FROM ${s}`;
  const end = `${least}(:end, s.${c.deadlineAt})`;
  const columns = READ.map((column) => c[column]).join(', ');
  const values = READ.map((column) => `:${column}`).join(', ');
  const later = (now: string, next: string): string => `before_at = ${greatest}(${now}before_at, ${next})`;

  const texts = {
    find: `SELECT ${selected(data)} FROM ${s} WHERE s.${c.key} = :key AND ${isCurrent}`,
    insert:
      upsert === 'ON CONFLICT'
        ? `INSERT INTO ${s} (${columns}) VALUES (${values}) ON CONFLICT (${c.key}) DO UPDATE SET ${set} WHERE NOT (${isCurrent})`
        : `INSERT INTO ${sessions.quoted} (${columns}) VALUES (${values})`,
    // Where an insert writes over nothing.
    overwrite: `UPDATE ${s} SET ${set} WHERE s.${c.key} = :key AND NOT (${isCurrent})`,
    replace: `UPDATE ${s} SET ${set} WHERE s.${c.key} = :key AND s.${c.version} = :expected AND ${isLiving}`,
    // MySQL sets from left to right: what is compared comes before what changes it.
    extend:
      `UPDATE ${s} SET ${c.isOwnEnd} = CASE WHEN ${end} > s.${c.expiresAt} THEN :isOwnEnd ELSE s.${c.isOwnEnd} END, ` +
      `${c.expiresAt} = ${greatest}(s.${c.expiresAt}, ${end}) WHERE s.${c.key} = :key AND ${isLiving}`,
    remove: `${remove} WHERE s.${c.key} = :key AND ${isCurrent}`,
    page: page(data, ''),
    pageOfOwner: page(data, ofOwner),
    names: page("'{}'", ''),
    namesOfOwner: page("'{}'", ofOwner),
    count: `SELECT COUNT(*) AS total FROM ${s} WHERE s.${c.closed} IS NULL`,
    clear: `DELETE FROM ${sessions.quoted}`,
    expired:
      `SELECT ${selected("'{}'")}, CASE WHEN ${isRevoked} THEN 1 ELSE 0 END AS revoked ` +
      `FROM ${s} WHERE s.${c.expiresAt} <= :now ORDER BY s.${c.expiresAt} LIMIT :limit`,
    sweep: `${remove} WHERE s.${c.number} IN (${BATCHED.map((name) => `:${name}`).join(', ')}) AND s.${c.expiresAt} <= :now`,
    revoke:
      `INSERT INTO ${revoked.quoted}${upsert === 'ON CONFLICT' ? ' AS r' : ''} (owner, before_at) VALUES (:owner, :before) ` +
      (upsert === 'ON CONFLICT'
        ? `ON CONFLICT (owner) DO UPDATE SET ${later('r.', 'excluded.before_at')}`
        : `ON DUPLICATE KEY UPDATE ${later('', 'VALUES(before_at)')}`),
    // A day: a session that is on its way to another id arrives meanwhile.
    outlived:
      `SELECT r.owner FROM ${revoked.quoted} AS r WHERE r.owner <> '' AND r.before_at < :dayAgo AND NOT EXISTS ` +
      `(SELECT 1 FROM ${s} WHERE s.${c.owner} = r.owner AND s.${c.createdAt} < r.before_at) LIMIT :limit`,
    forget: `DELETE FROM ${revoked.quoted} WHERE owner = :owner AND before_at < :dayAgo`,
    ping: `SELECT 1 FROM ${s} WHERE 1 = 0`,
  };
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, statement(text, placeholders)]),
  ) as Readonly<Record<keyof typeof texts, Statement>>;
}
