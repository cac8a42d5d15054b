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

/** The middle one; of an even count the upper middle. */
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
