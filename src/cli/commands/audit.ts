// Commands `regway audit …`: list the audit trail of a server, or verify the one in the data directory.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { describeVerdict, type AuditAnchor, type AuditVerdict } from '../../core/audit/verification.ts';
import { auditOperation, type AuditEntry } from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { CommandContext } from '../context.ts';
import { accountOption, outputOption, type AccountOption, type OutputOption } from '../options.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { withProgress } from '../terminal/progress.ts';
import { jsonText, printResult, resultWidth } from '../terminal/terminal.ts';

interface ListOptions extends OutputOption, AccountOption {
  readonly limit: number;
  readonly actor?: string;
  readonly target?: string;
}

const columns: readonly Column<AuditEntry>[] = [
  { heading: 'WHEN', text: ({ at }) => at },
  { heading: 'ACTOR', text: ({ actor }) => actor },
  { heading: 'ACTION', text: ({ action }) => action },
  { heading: 'TARGET', text: ({ targetText, target }) => targetText || target },
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
    .description('List or verify the audit trail')
    .addHelpText('after', '\nExamples:\n  # Verify the audit trail of the data directory\n  regway audit verify');
  addList(audit, context);
  addVerify(audit, context);
}

function addList(audit: Command, { settings }: CommandContext): void {
  audit
    .command('list')
    .description('List the newest events of your account; admins see all accounts')
    .option('--limit <number>', 'Maximum number of events, from 1 to 100', parseLimit, 50)
    .option('--actor <subject>', 'Only events by this exact subject')
    .option('--target <id>', 'Only events on the resource with this ID')
    .addOption(accountOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExamples:\n  # Show the last 20 events\n  regway audit list --limit=20')
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
      'Verify that no event was altered, removed, inserted, moved, or truncated; exits with status 1 and names the first bad event on failure',
    )
    .addOption(
      new Option(
        '--anchor <seq:hash>',
        'Anchor printed by an earlier run; this event must still exist unchanged',
      ).argParser(parseAnchor),
    )
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nReads the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE). Works while the server runs.\n\nExamples:\n  # Verify the whole trail and print its anchor\n  regway audit verify',
    )
    .action(async ({ anchor, output }: VerifyOptions) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runVerifyAudit(
            anchor,
            (verdict) => print(output === 'json' ? `${jsonText(verdict)}\n` : describe(verdict)),
            progress,
          ),
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
          `Events up to ${adopted.lastSeq} are older than the hash chain and were added to it unverified at ${adopted.at.toISOString()}.`,
        ];
  const anchor = head.seq === 0 ? [] : [`Anchor: ${head.seq}:${head.hash}`];
  return `${[describeVerdict(verdict), ...earlier, ...anchor].join('\n')}\n`;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new InvalidArgumentError('Must be a whole number from 1 to 100.');
  return limit;
}

function parseAnchor(text: string): AuditAnchor {
  const match = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text);
  if (match?.[2] === undefined)
    throw new InvalidArgumentError('Must be the value that "regway audit verify" printed after "Anchor:".');
  return { seq: Number(match[1]), hash: match[2] };
}
