// A table fits the width that it gets, page after page.

import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { tablePrinter, type Column } from '../../../src/cli/terminal/table.ts';

type Row = readonly string[];
const columns: readonly Column<Row>[] = ['FIRST', 'SECOND', 'THIRD'].map((heading, index) => ({
  heading,
  text: (row) => row[index] ?? '',
}));
const long = 'a-text-much-longer-than-any-column-of-a-narrow-terminal';

describe('a table', () => {
  it('cuts nothing without a width', () => {
    expect(tablePrinter(columns, undefined)([[long, 'b', 'c']])).toBe(
      `${'FIRST'.padEnd(long.length)}  SECOND  THIRD\n${long}  b       c`,
    );
  });

  it.each([40, 60, 80])('is never wider than the terminal (%i)', (width) => {
    const lay = tablePrinter(columns, width);
    const pages = [lay([[long, 'b', long]]), lay([['界'.repeat(40), long, long]])];
    for (const line of pages.join('\n').split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(pages[0]).toContain('…');
  });

  it('leaves out the last columns where there is no room for all', () => {
    const many = Array.from({ length: 9 }, (_, index) => ({ heading: `COLUMN${index}`, text: () => 'a-long-text' }));
    const [headings = ''] = tablePrinter(many, 40)([[]]).split('\n');
    expect(headings).toMatch(/^COLUM… {2}COLUM…/);
    expect(headings.trim().split(/ +/)).toHaveLength(5);
  });

  it('shortens the widest column first, so that short ones stay readable', () => {
    const [, row] = tablePrinter(columns, 40)([[long, 'short', 'tiny']]).split('\n');
    expect(row).toMatch(/^a-text-\S+…  short   tiny$/);
  });

  it('keeps the columns of the first page, and has headings only there', () => {
    const lay = tablePrinter(columns, 80);
    const first = lay([['aaaaaaaaaa', 'b', 'c']]).split('\n');
    expect(first).toHaveLength(2);
    expect(lay([['a', 'b', 'c']])).toBe('a           b       c');
  });

  it('keeps a line break or an escape sequence in a value out of the terminal', () => {
    const text = tablePrinter(columns, undefined)([['a\nb', '\u001B[31mred', 'c']]);
    expect(text.split('\n')).toHaveLength(2);
    expect(text).not.toContain('\u001B');
  });
});
