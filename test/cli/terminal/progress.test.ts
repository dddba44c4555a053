// Progress is one line that is written again on a terminal, and nothing elsewhere; lists are printed piece by piece as one JSON text.

import { afterEach, expect, test, vi } from 'vitest';
import { withProgress } from '../../../src/cli/terminal/progress.ts';
import { jsonListPrinter, jsonText } from '../../../src/cli/terminal/terminal.ts';

const erase = '\r\u001B[2K';
let written = '';
const stdout = vi.spyOn(process.stdout, 'write');
afterEach(() => stdout.mockReset());

function terminal(isTTY: boolean) {
  let screen = '';
  return { isTTY, columns: 20, write: (text: string) => (screen += text), screen: () => screen };
}

test('each step replaces the one before it, no longer than the line, and nothing is left at the end', async () => {
  const shown = terminal(true);
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  await withProgress(
    async (progress) => {
      progress('Copying');
      progress('Verifying registries', 1_234);
      progress('Verifying registries', 1_235);
    },
    { terminal: shown },
  );
  clock.mockRestore();
  expect(shown.screen()).toBe(`${erase}Copying …${erase}Verifying registrie${erase}`);
});

test('the result is written where the line was', async () => {
  const shown = terminal(true);
  stdout.mockImplementation((text) => shown.write(String(text)) !== '');
  await withProgress(
    async (progress, print) => {
      progress('Copying');
      print('Done.\n');
    },
    { terminal: shown },
  );
  expect(shown.screen()).toBe(`${erase}Copying …${erase}Done.\n`);
});

test.each([
  ['no terminal', { terminal: terminal(false) }],
  ['the terminal of the result', { terminal: terminal(true), hidden: true }],
])('nothing is written to %s', async (_, options) => {
  await withProgress(async (progress) => progress('Copying'), options);
  expect(options.terminal.screen()).toBe('');
});

test.each([
  ['nothing', []],
  ['one piece', [[{ a: 1 }]]],
  ['several pieces', [[{ a: 1, b: [1, 2] }, { a: 'x\ny' }], [], [{ c: null }]]],
])('a list of %s is the JSON of the whole list', async (_, pieces: readonly (readonly object[])[]) => {
  written = '';
  stdout.mockImplementation((text) => {
    written += String(text);
    return true;
  });
  const list = jsonListPrinter('things');
  for (const piece of pieces) await list.print(piece);
  await list.end();
  expect(written).toBe(`${jsonText({ things: pieces.flat() })}\n`);
});
