// The statements of a SQL store, made once. Each call of the contract is one of them, and atomic by itself: what must hold
// for it to happen stands in its WHERE, and how many rows it wrote says whether it did.
import type { Dialect } from './dialect.js';
import type { Setting } from './format.js';
import { statement, type Statement } from './statement.js';
import type { Tables } from './tables.js';

/** How many rows one statement of a sweep takes away: so many that it is quick, so few that nobody waits for it. */
export const BATCH = 100;
/** The names of the values of a batch. */
export const BATCHED: readonly string[] = Array.from({ length: BATCH }, (_, at) => `row${String(at)}`);

export type Statements = ReturnType<typeof statementsOf>;

export function statementsOf(dialect: Dialect, { format, sessions, revoked, columns: c }: Tables) {
  const { greatest, least, upsert, placeholders, quote } = dialect;
  const e = format.expressions(c);
  const s = `${sessions.quoted} AS s`;
  const since = (who: string): string =>
    `COALESCE((SELECT r.before_at FROM ${revoked.quoted} AS r WHERE r.owner = ${who}), 0)`;
  const isRevoked = `(${e.createdAt} < ${since("''")} OR ${e.createdAt} < ${since(e.owner)})`;
  const isCurrent = `${e.expiresAt} > :now AND NOT ${isRevoked}`;
  const isLiving = `${isCurrent} AND ${e.closed} IS NULL`;

  const { key, version, createdAt, deadlineAt, expiresAt, owner, closed, place, row } = e;
  const record = {
    version,
    createdAt,
    deadlineAt,
    expiresAt,
    owner,
    closed,
    ...format.reads(c, since("''")),
  };
  const selected = (what: Readonly<Record<string, string>>): string =>
    Object.entries(what)
      .map(([name, from]) => `${from} AS ${quote}${name}${quote}`)
      .join(', ');
  const page = (data: string, who = ''): string =>
    `SELECT ${selected({ ...record, data, key, place })} FROM ${s} WHERE ${who}${place} > :after AND ${isLiving} ORDER BY ${place} LIMIT :limit`;
  // What another program wrote tells of the session only as a whole.
  const noData = format.isShared ? e.data : "'{}'";
  const ofOwner = `${owner} = :owner AND `;

  const set = (columns: readonly Setting[]): string =>
    columns.map(([column, value]) => `${column} = ${value}`).join(', ');
  const settings = format.writes(c);
  const written = set(settings);
  // Of a session that lives on, some facts stay what they are, and so do their indexes.
  const fixed = format.isShared ? [] : [c['createdAt'], c['deadlineAt'], c['owner']];
  const rewritten = set(settings.filter(([column]) => !fixed.includes(column)));
  const inserted: readonly Setting[] = [[c['key'] ?? '', ':key'], ...settings];
  const insert =
    `(${inserted.map(([column]) => column).join(', ')}) ` +
    `VALUES (${inserted.map(([, value]) => value).join(', ')})`;
  const ofVersion = `WHERE ${e.isKey} AND ${version} = :expected AND ${isLiving}`;
  const end = `${least}(:end, ${deadlineAt})`;
  const extended: readonly Setting[] = [
    // MySQL sets from left to right: what is compared comes before what changes it.
    [c['isOwnEnd'] ?? '', `CASE WHEN ${end} > ${expiresAt} THEN :isOwnEnd ELSE ${e.isOwnEnd} END`],
    ...format.extended(c, `${greatest}(${expiresAt}, ${end})`),
  ];
  // MySQL has learnt `DELETE FROM ... AS` late.
  const remove = upsert === 'ON CONFLICT' ? `DELETE FROM ${s}` : `DELETE s FROM ${s}`;

  const batch = BATCHED.map((name) => `:${name}`).join(', ');
  const revokedPage = (who = ''): string =>
    `SELECT ${selected({ row, place })} FROM ${s} WHERE ${who}${place} > :after AND ${isRevoked} ` +
    `ORDER BY ${place} LIMIT ${String(BATCH)}`;

  const texts = {
    find: `SELECT ${selected({ ...record, data: e.data })} FROM ${s} WHERE ${e.isKey} AND ${isCurrent}`,
    insert:
      upsert === 'ON CONFLICT'
        ? `INSERT INTO ${s} ${insert} ON CONFLICT (${c['key'] ?? ''}) DO UPDATE SET ${written} WHERE NOT (${isCurrent})`
        : `INSERT INTO ${sessions.quoted} ${insert}`,
    // Where an insert writes over nothing.
    overwrite: `UPDATE ${s} SET ${written} WHERE ${e.isKey} AND NOT (${isCurrent})`,
    replace: `UPDATE ${s} SET ${rewritten} ${ofVersion}`,
    close: `UPDATE ${s} SET ${written} ${ofVersion}`,
    extend: `UPDATE ${s} SET ${set(extended)} WHERE ${e.isKey} AND ${isLiving}`,
    remove: `${remove} WHERE ${e.isKey} AND ${isCurrent}`,
    page: page(e.data),
    pageOfOwner: page(e.data, ofOwner),
    names: page(noData),
    namesOfOwner: page(noData, ofOwner),
    count: `SELECT COUNT(*) AS total FROM ${s} WHERE ${closed} IS NULL`,
    clear: `DELETE FROM ${sessions.quoted}`,
    expired:
      `SELECT ${selected({ key, row, closed })}, CASE WHEN ${isRevoked} THEN 1 ELSE 0 END AS revoked ` +
      `FROM ${s} WHERE ${e.hasEnded} ORDER BY ${e.end} LIMIT :limit`,
    // By their rows: the index of the ends would lead past everything that has ended (`+ 0` hides it).
    sweep: `${remove} WHERE ${row} IN (${batch}) AND ${expiresAt} + 0 <= :now`,
    revoke:
      upsert === 'ON CONFLICT'
        ? `INSERT INTO ${revoked.quoted} AS r (owner, before_at) VALUES (:owner, :before) ` +
          `ON CONFLICT (owner) DO UPDATE SET before_at = ${greatest}(r.before_at, excluded.before_at)`
        : `INSERT INTO ${revoked.quoted} (owner, before_at) VALUES (:owner, :before) ` +
          `ON DUPLICATE KEY UPDATE before_at = ${greatest}(before_at, VALUES(before_at))`,
    revoked: revokedPage(),
    revokedOfOwner: revokedPage(ofOwner),
    removeRevoked: `${remove} WHERE ${row} IN (${batch}) AND ${isRevoked}`,
    // A day: a session that is on its way to another id arrives meanwhile.
    outlived:
      `SELECT r.owner FROM ${revoked.quoted} AS r WHERE r.owner <> '' AND r.before_at < :dayAgo AND NOT EXISTS ` +
      `(SELECT 1 FROM ${s} WHERE ${owner} = r.owner AND ${createdAt} < r.before_at) ORDER BY r.before_at LIMIT :limit`,
    forget: `DELETE FROM ${revoked.quoted} WHERE owner = :owner AND before_at < :dayAgo`,
    ping: `SELECT 1 FROM ${s} WHERE 1 = 0`,
  };
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, statement(text, placeholders)]),
  ) as Readonly<Record<keyof typeof texts, Statement>>;
}
