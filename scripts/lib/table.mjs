// Figures as text: a table with columns as wide as they need, numbers to the right.

/** @param rows Lists of texts or numbers, the first one the heads of the columns. */
export function table(rows) {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? number(cell) : String(cell ?? ''))),
  );
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row, index) =>
    row
      .map((cell, column) => {
        const isNumber = index > 0 && typeof rows[index][column] === 'number';
        return isNumber ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(cells[0], 0), rule, ...cells.slice(1).map((row, index) => line(row, index + 1))].join('\n');
}

export const number = (value) => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 1 });

/** How many times as much: shares below a half as `1/x`, so that 1/12 and 1/100 can be told apart. */
export const ratio = (value) => (value > 0 && value < 0.5 ? `1/${number(1 / value)}` : number(value));

/** The middle one; of an even count the upper middle. */
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Of a figure of several runs: `value` is the median, `low` and `high` are the least and the greatest. */
export function spread(runs, pick) {
  const figures = runs.map(pick);
  return { value: median(figures), low: Math.min(...figures), high: Math.max(...figures) };
}
