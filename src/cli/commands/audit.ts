// Commands `regway audit …`: list the audit trail of a server, or verify and archive the one in the data directory.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { type AuditAnchor, type AuditVerdict, describeVerdict, type IntactTrail } from '../../core/audit/verdict.ts';
import { auditOperation, type AuditEntry } from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { AuditArchiveSummary, CommandContext } from '../context.ts';
import { accountOption, outputOption, parseDuration, type AccountOption, type OutputOption } from '../options.ts';
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
  readonly archive?: readonly string[];
}

/** Other commands have their form of output in `--output`; here it is the file, as for tools that write one. */
interface ArchiveOptions {
  readonly olderThan: number;
  readonly output: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const where =
  '\nWorks on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), also while the server runs.\n';

/** Adds `audit` and its commands. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program
    .command('audit')
    .description('List, verify, or archive the audit trail')
    .addHelpText('after', '\nExamples:\n  # Verify the audit trail of the data directory\n  regway audit verify');
  addList(audit, context);
  addVerify(audit, context);
  addArchive(audit, context);
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
    .addOption(
      new Option(
        '--archive <file>',
        'Archive created by "regway audit archive" to verify too; repeat it, the oldest archive first',
      ).argParser((file: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), file]),
    )
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nReads the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE). Works while the server runs.\n\nExamples:\n  # Verify the whole trail and print its anchor\n  regway audit verify\n\n  # Verify the archived events too\n  regway audit verify --archive=2026-06.jsonl --archive=2026-12.jsonl',
    )
    .action(async ({ anchor, archive: archives = [], output }: VerifyOptions) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runVerifyAudit(
            { anchor, archives },
            (verdict) => print(output === 'json' ? `${jsonText(verdict)}\n` : describe(verdict)),
            progress,
          ),
        ),
      );
    });
}

function addArchive(audit: Command, { loadDataCommands, endWith }: CommandContext): void {
  audit
    .command('archive')
    .description('Move old events to a signed file, and delete them from the database once the file is complete')
    .addOption(
      new Option('--older-than <duration>', 'Age of the events to archive, in hours or days, such as 2160h or 90d')
        .argParser(parseDuration)
        .makeOptionMandatory(),
    )
    .requiredOption('--output <file>', 'File to create, with mode 0600; an existing file is never overwritten')
    .option('--dry-run', 'Change nothing; only show which events would be archived')
    .option('--json', 'Print the result as JSON')
    .addHelpText(
      'after',
      `${where}Verifies the trail first, and archives nothing if it is damaged. If the command is interrupted, run it again with the same file.\nKeep the archives: nothing else proves their events.\n\nExamples:\n  # Archive the events of more than 90 days ago\n  regway audit archive --older-than=90d \\\n    --output=/var/backups/regway-audit-2026-12.jsonl`,
    )
    .action(async ({ olderThan, output, dryRun = false, json = false }: ArchiveOptions) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runArchiveAudit(
            { olderThanMs: olderThan, file: output, dryRun },
            (archive) => print(json ? `${jsonText(archive)}\n` : describeArchive(archive)),
            progress,
          ),
        ),
      );
    });
}

function describeArchive({
  file,
  dryRun,
  events,
  lastSeq,
  lastAt,
  digest,
  continued,
  leftovers,
}: AuditArchiveSummary): string {
  const earlier = leftovers === 0 ? [] : [`Deleted ${leftovers} events that an interrupted run had archived.`];
  const last = `up to event ${lastSeq}${lastAt === null ? '' : ` of ${lastAt.toISOString()}`}`;
  const used = continued ? ' The file of an interrupted run is complete and is used.' : '';
  const lines =
    events === 0
      ? ['No event is old enough. Nothing was archived.']
      : dryRun
        ? [`Would archive ${events} events, ${last}, in ${file}.${used} Nothing was changed.`]
        : [
            `Archived ${events} events, ${last}, in ${file}.${used}`,
            `SHA-256: ${digest}`,
            'Keep the file: "regway audit verify --archive" proves these events with it and with the keyring, and nothing else does.',
          ];
  return `${[...earlier, ...lines].join('\n')}\n`;
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
  return `${[describeVerdict(verdict), ...describeArchives(verdict), ...earlier, ...anchor].join('\n')}\n`;
}

/** Says which events the verification did not read, and what is left to do. */
function describeArchives({ archived, archives }: IntactTrail): string[] {
  if (archived === undefined) return [];
  const { lastSeq, at, digest, undeleted } = archived;
  const unread = archives?.previousSeq ?? lastSeq;
  const missing =
    unread === 0
      ? []
      : [
          `Events up to ${unread} are in archives that were not verified. To verify them too, pass each with --archive, the oldest first.`,
        ];
  const left =
    undeleted === 0
      ? []
      : [`${undeleted} archived events are still in the database. Run "regway audit archive" again to delete them.`];
  return [`Newest archive: up to event ${lastSeq}, of ${at.toISOString()}, SHA-256 ${digest}`, ...missing, ...left];
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
