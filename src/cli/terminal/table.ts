// Lays out tables that fit the terminal, page by page, so that a long list starts immediately.

import Table from 'cli-table3';
import stringWidth from 'string-width';
import { colorResult, printable } from './terminal.ts';

/** A column: its heading, and its text for a row. */
export interface Column<Row> {
  readonly heading: string;
  text(row: Row): string;
}

/** Spaces between two columns. */
const gap = 2;
/** Minimum width of a column; a narrower one is unreadable. */
const minColumnWidth = 6;
const noBorders = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
);

/**
 * Creates a function that lays out one page after the other. The first page decides the column widths and has the headings. Text that
 * does not fit ends in an ellipsis, and a very narrow terminal omits the last columns.
 * @param width columns of the terminal; undefined (a pipe or file) truncates nothing.
 */
export function tablePrinter<Row>(
  columns: readonly Column<Row>[],
  width: number | undefined,
): (rows: readonly Row[]) => string {
  const headings = columns.map(({ heading }) => heading);
  let first: number[] | undefined;
  return (rows) => {
    const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
    if (first !== undefined) return layOut(cells, width === undefined ? widest(cells, first) : first);
    const natural = widest([headings, ...cells], []);
    first = width === undefined ? natural : fit(natural, width);
    return emphasizeFirstLine(layOut([headings, ...cells], first));
  };
}

/** Returns the width of each column, at least that of the previous pages. */
function widest(lines: readonly string[][], before: readonly number[]): number[] {
  return (lines[0] ?? []).map((_cell, index) =>
    Math.max(before[index] ?? 0, ...lines.map((line) => stringWidth(line[index] ?? ''))),
  );
}

function layOut(lines: readonly string[][], widths: readonly number[]): string {
  const style = { 'padding-left': 0, 'padding-right': gap, head: [], border: [] };
  const table = new Table({ chars: noBorders, colWidths: widths.map((width) => width + gap), style });
  table.push(...lines.map((line) => line.slice(0, widths.length)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Omits the last columns that do not fit at minimum width, then narrows the widest until all fit. */
function fit(natural: readonly number[], width: number): number[] {
  const narrowest = natural.map((wide) => Math.min(wide, minColumnWidth));
  const isRoom = (count: number) => sum(narrowest.slice(0, count)) + gap * (count - 1) <= width;
  const count = natural.findLastIndex((_wide, index) => isRoom(index + 1)) + 1;
  const widths = natural.slice(0, Math.max(count, 1));
  for (let excess = sum(widths) + gap * (widths.length - 1) - width; excess > 0; excess -= 1) {
    const index = widths.indexOf(Math.max(...widths));
    widths[index] = (widths[index] ?? 1) - 1;
  }
  return widths;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function emphasizeFirstLine(table: string): string {
  const [first = '', ...rest] = table.split('\n');
  return [colorResult('bold', first), ...rest].join('\n');
}
