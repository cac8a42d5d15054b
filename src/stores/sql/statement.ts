// Statements with named values, as the engines take them.

/** What a statement is given. */
export type Value = string | number | null;
export type Values = Readonly<Record<string, Value>>;
export type Row = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly sql: string;
  /** What its placeholders stand for, in their order. */
  readonly names: readonly string[];
}

/** `$1` may stand in several places, `?` stands in one. */
export type Placeholders = 'numbered' | 'in order';

/** @param text With `:name` where a value goes. */
export function statement(text: string, placeholders: Placeholders): Statement {
  const names: string[] = [];
  const sql = text.replace(/:(\w+)/g, (_, name: string) => {
    if (placeholders === 'in order') {
      names.push(name);
      return '?';
    }
    if (!names.includes(name)) names.push(name);
    return `$${String(names.indexOf(name) + 1)}`;
  });
  return { sql, names };
}

export const valuesFor = ({ names }: Statement, values: Values): Value[] =>
  names.map((name) => values[name] ?? null);
