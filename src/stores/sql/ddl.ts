// Statements that make tables.
import type { Dialect, TableName } from './dialect.js';
import type { Step } from './format.js';

export interface TablePlan {
  readonly lines: readonly string[];
  /** The quoted columns of each, by the end of its name. */
  readonly indexes?: Readonly<Record<string, readonly string[]>>;
}

/** What makes a table with its indexes. */
export function stepsOf(
  { indexes: place, tableOptions, quote }: Dialect,
  { schema, name, quoted }: TableName,
  { lines, indexes = {} }: TablePlan,
): Step[] {
  const indexed = Object.entries(indexes).map(
    ([end, columns]) => [`${quote}${name}_${end}${quote}`, `(${columns.join(', ')})`] as const,
  );
  const inside = place === 'inside' ? indexed.map(([index, on]) => `INDEX ${index} ${on}`) : [];
  const after = place === 'inside' ? [] : indexed;
  const isInSchema = place === 'in the schema' && schema !== undefined;
  const prefix = isInSchema ? `${quote}${schema}${quote}.` : '';
  const table = isInSchema ? `${quote}${name}${quote}` : quoted;
  return [
    `CREATE TABLE IF NOT EXISTS ${quoted} (\n  ${[...lines, ...inside].join(',\n  ')}\n)${tableOptions}`,
    ...after.map(([index, on]) => `CREATE INDEX IF NOT EXISTS ${prefix}${index} ON ${table} ${on}`),
  ].map((sql) => ({ makes: name, sql }));
}
