// `regway audit …`: the trail of who changed what, read from a server, or verified on the data directory.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { describeVerdict, type AuditAnchor, type AuditVerdict } from '../../core/audit/verification.ts';
import { auditOperation, type AuditEntry } from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { CommandContext } from '../context.ts';
import { accountOption, outputOption, type AccountOption, type OutputOption } from '../options.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, printResult, resultWidth } from '../terminal/terminal.ts';

interface ListOptions extends OutputOption, AccountOption {
  readonly limit: number;
  readonly actor?: string;
  readonly target?: string;
}

const columns: readonly Column<AuditEntry>[] = [
  { heading: 'WHEN', text: ({ at }) => at },
  { heading: 'WHO', text: ({ actor }) => actor },
  { heading: 'WHAT', text: ({ action }) => action },
  { heading: 'WHICH', text: ({ targetText, target }) => targetText || target },
  { heading: 'OUTCOME', text: ({ outcome }) => outcome },
  { heading: 'ACCOUNT', text: ({ account }) => account },
  { heading: 'REQUEST', text: ({ requestId }) => requestId },
];

interface VerifyOptions extends OutputOption {
  readonly anchor?: AuditAnchor;
}

/** Adds `audit` and its commands. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program
    .command('audit')
    .description('the trail of who changed what')
    .addHelpText('after', '\nExample:\n  regway audit verify');
  addList(audit, context);
  addVerify(audit, context);
}

function addList(audit: Command, { settings }: CommandContext): void {
  audit
    .command('list')
    .description('list the newest events of your account; an admin sees every account')
    .option('--limit <number>', 'this many, 100 at most', parseLimit, 50)
    .option('--actor <subject>', 'only by this one')
    .option('--target <id>', 'only to the thing with this id')
    .addOption(accountOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExample:\n  regway audit list --limit=20')
    .action(async ({ limit, output, ...filter }: ListOptions) => {
      const { auditEvents } = await (await connect(settings)).run(auditOperation, { first: limit, filter });
      await printResult(
        output === 'json' ? jsonText(auditEvents.nodes) : tablePrinter(columns, resultWidth())(auditEvents.nodes),
      );
    });
}

function addVerify(audit: Command, { loadDataCommands, endWith }: CommandContext): void {
  audit
    .command('verify')
    .description(
      'check on the data directory that no event was altered, taken out, put in, moved or cut off; ends with 1 and names the first bad one if so',
    )
    .addOption(
      new Option(
        '--anchor <seq:hash>',
        'what an earlier run printed as its anchor: this event must still be there, as it was',
      ).argParser(parseAnchor),
    )
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nIt works on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), with the server running or not.\n\nExample:\n  regway audit verify',
    )
    .action(async ({ anchor, output }: VerifyOptions) => {
      const local = await loadDataCommands();
      endWith(
        await local.runVerifyAudit(anchor, (verdict) =>
          process.stdout.write(output === 'json' ? `${jsonText(verdict)}\n` : describe(verdict)),
        ),
      );
    });
}

function describe(verdict: AuditVerdict): string {
  if (!verdict.intact) return `${describeVerdict(verdict)}\n`;
  const { head, adopted } = verdict;
  const earlier =
    adopted === null
      ? []
      : [
          `Events up to ${adopted.lastSeq} are from before the chain and were taken in as they stood on ${adopted.at.toISOString()}.`,
        ];
  const anchor = head.seq === 0 ? [] : [`Anchor: ${head.seq}:${head.hash}`];
  return `${[describeVerdict(verdict), ...earlier, ...anchor].join('\n')}\n`;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new InvalidArgumentError('Give a whole number from 1 to 100.');
  return limit;
}

function parseAnchor(text: string): AuditAnchor {
  const match = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text);
  if (match?.[2] === undefined)
    throw new InvalidArgumentError('Give what "regway audit verify" printed after "Anchor:".');
  return { seq: Number(match[1]), hash: match[2] };
}
