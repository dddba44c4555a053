// Command `regway import`: imports the credentials of a file, or shows what an import would do.

import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { connect } from '../api/connection.ts';
import type { CommandContext } from '../context.ts';
import { refused, usageError } from '../errors.ts';
import type { ImportEntry } from '../import/entry.ts';
import { parseImportFile } from '../import/file.ts';
import { type ImportAction, importEntry, type ImportResult } from '../import/plan.ts';
import {
  type AccountOption,
  accountOption,
  type OutputOption,
  outputOption,
  secureConnectionOption,
  validateOption,
} from '../options.ts';
import { reportJson } from '../registry/output.ts';
import { fixLine, hintOf } from '../registry/advice.ts';
import { colorResult, jsonText, printable, printNote, printResult } from '../terminal/terminal.ts';

interface ImportOptions extends AccountOption, OutputOption {
  readonly apply?: boolean;
  readonly map?: Choices;
  readonly secureConnection?: boolean;
  readonly validate?: boolean;
}

type Choices = ReadonlyMap<string, string>;

/** Maximum size of a file. A configuration with a thousand credentials is below 1 MiB. */
const maxFileBytes = 16 * 1024 * 1024;
const colors: Readonly<Record<ImportAction, 'green' | 'yellow' | 'red' | 'dim'>> = {
  add: 'green',
  change: 'yellow',
  keep: 'dim',
  refuse: 'red',
};

/** Adds `import`. */
export function addImportCommand(program: Command, { settings }: CommandContext): void {
  program
    .command('import')
    .description(
      'Import credentials from a Docker config.json, an auth.json, a Kubernetes image pull secret (JSON), or the output of GET /registries',
    )
    .argument('<file>', 'File to import, or - for standard input')
    .option('--apply', 'Store the credentials that the registries accept (default: show the plan and store nothing)')
    .option('--map <key=registry>', 'Registry that an ambiguous key of the file refers to; can be repeated', addChoice)
    .addOption(secureConnectionOption())
    .addOption(validateOption())
    .addOption(accountOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nValidates each credential against its registry once. Exits with status 1 if an entry is rejected.\n\nExamples:\n  # Show what an import would do\n  regway import ~/.docker/config.json\n\n  # Import an image pull secret\n  kubectl get secret pull -o json | regway import - --apply',
    )
    .action(async (file: string, options: ImportOptions) => {
      const entries = await readEntries(file, options.map ?? new Map());
      const client = await connect(settings);
      const { secureConnection = true, validate = true, apply = false, account } = options;
      const results: ImportResult[] = [];
      for (const entry of entries) {
        const result = await importEntry(client, entry, { secureConnection, validate, apply, account });
        results.push(result);
        if (options.output === 'table') await printResult(describe(result));
      }
      if (options.output === 'json') await printResult(jsonText(results.map(json)));
      conclude(results, apply);
    });
}

async function readEntries(file: string, choices: Choices): Promise<ImportEntry[]> {
  const content = file === '-' ? await text(process.stdin) : await readLimited(file);
  const unused = new Set(choices.keys());
  const entries = parseImportFile(content, (key) => {
    unused.delete(key);
    return choices.get(key);
  });
  const [first] = unused;
  if (first !== undefined) throw usageError(`--map names ${printable(first)}, which is not a key of the file.`);
  if (entries.length === 0) throw usageError('The file contains no credentials.');
  return entries;
}

async function readLimited(file: string): Promise<string> {
  try {
    if ((await stat(file)).size > maxFileBytes) throw usageError(`The file is larger than ${maxFileBytes} bytes.`);
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : usageError(`${printable(file)} cannot be read (${code}).`);
  }
}

function addChoice(value: string, previous: Choices | undefined): Choices {
  const equals = value.lastIndexOf('=');
  if (equals < 1 || equals === value.length - 1)
    throw new InvalidArgumentError('Must be KEY=REGISTRY, such as quay.io/core=quay.io/core/*.');
  return new Map([...(previous ?? []), [value.slice(0, equals), value.slice(equals + 1)]]);
}

function describe(result: ImportResult): string {
  const { key, registry, username, action, reason, report, stored, asked } = result;
  const target = registry === null ? key : `${registry}${username === null ? '' : ` (user ${username})`}`;
  const lines = [
    `${colorResult(colors[action], action.padEnd(7))}${printable(target)}${reason === null ? '' : `: ${printable(reason)}`}`,
  ];
  if (report !== null) lines.push(`       ${report.outcome} ${printable(report.message)}${stored ? ' Stored.' : ''}`);
  const failed = report !== null && !report.valid ? report : null;
  const advised = failed === null ? [] : [hintOf(failed), fixLine(failed, asked)];
  const [hint, fix] = advised;
  if (hint) lines.push(`       Hint: ${printable(hint)}`);
  if (fix) lines.push(`       ${fix}`);
  return lines.join('\n');
}

function json({ key, registry, username, action, reason, stored, report }: ImportResult): object {
  return { key, registry, username, action, reason, stored, validation: report && reportJson(report) };
}

function conclude(results: readonly ImportResult[], apply: boolean): void {
  const count = (action: ImportAction) => results.filter((result) => result.action === action).length;
  const [added, changed, kept, failed] = (['add', 'change', 'keep', 'refuse'] as const).map(count);
  printNote(
    apply
      ? `Added ${added}, changed ${changed}, kept ${kept}, rejected ${failed}.`
      : `Would add ${added}, change ${changed}, keep ${kept}, reject ${failed}. Nothing was stored. Run again with --apply to store.`,
  );
  if (failed !== 0) throw refused(`${failed} of ${results.length} entries cannot be imported.`);
}
