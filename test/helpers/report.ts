/** Prints figures of a test run: the deep tests are where the numbers in the documents come from. */
export function report(title: string, rows: readonly Record<string, string | number | boolean>[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => format(row[column])))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
  process.stdout.write(`\n${title}\n${lines.join('\n')}\n`);
}

function format(value: string | number | boolean | undefined): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value ?? '');
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}
