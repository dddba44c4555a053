// Rows under headings that fit the terminal, printed page by page so that a long list starts at once.

import Table from 'cli-table3';
import stringWidth from 'string-width';
import { colourResult, printable } from './terminal.ts';

/** One column: its heading, and its text for a row. */
export interface Column<Row> {
  readonly heading: string;
  text(row: Row): string;
}

/** Between two columns. */
const gap = 2;
/** Below this a column says nothing any more. */
const minColumnWidth = 6;
const noBorders = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'].map((name) => [name, '']),
);

/**
 * Makes the function that lays out one page after the other. The first page decides how wide the columns are, the headings stand
 * above it alone, and what does not fit ends in an ellipsis. Without a width (a pipe) nothing is cut.
 */
export function tablePrinter<Row>(columns: readonly Column<Row>[], width: number | undefined): (rows: readonly Row[]) => string {
  let widths: number[] | undefined;
  return (rows) => {
    const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
    const headings = widths === undefined ? [columns.map(({ heading }) => heading)] : [];
    const natural = columns.map((_column, index) => Math.max(...[...headings, ...cells].map((line) => stringWidth(line[index] ?? ''))));
    widths ??= width === undefined ? natural : fit(natural, width - gap * (columns.length - 1));
    const shown = width === undefined ? natural.map((wide, index) => Math.max(wide, widths?.[index] ?? 0)) : widths;
    const table = layOut([...headings, ...cells], shown);
    return headings.length === 0 ? table : emphasiseFirstLine(table);
  };
}

function layOut(lines: readonly string[][], widths: readonly number[]): string {
  const style = { 'padding-left': 0, 'padding-right': gap, head: [], border: [] };
  const table = new Table({ chars: noBorders, colWidths: widths.map((width) => width + gap), style });
  table.push(...lines);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Takes from the widest column until all fit. */
function fit(natural: readonly number[], available: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const current = widths[widest] ?? 0;
    if (current <= minColumnWidth) break;
    widths[widest] = current - 1;
    excess -= 1;
  }
  return widths;
}

function emphasiseFirstLine(table: string): string {
  const [first = '', ...rest] = table.split('\n');
  return [colourResult('bold', first), ...rest].join('\n');
}
