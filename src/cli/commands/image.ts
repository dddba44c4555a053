// Command `regway image explain`: shows which credential a pull would use, and why.

import type { Command } from 'commander';
import { connect } from '../api/connection.ts';
import type { CommandContext } from '../context.ts';
import { imageOperation, type Candidate, type Image } from '../api/operations.ts';
import { accountOption, outputOption, type AccountOption, type OutputOption } from '../options.ts';
import { registryJson } from '../registry/output.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, printable, printResult, resultWidth } from '../terminal/terminal.ts';

const columns: readonly Column<Candidate>[] = [
  { heading: 'MATCHED', text: ({ matched }) => (matched ? 'yes' : 'no') },
  { heading: 'REGISTRY', text: ({ registry }) => registry.registry },
  { heading: 'WHY', text: ({ reason }) => reason },
];

/** Adds `image explain`. */
export function addImageCommands(program: Command, { settings }: CommandContext): void {
  const example =
    '\nExamples:\n  # Show which registry a pull would use\n  regway image explain docker.io/anchore/grype:latest';
  program
    .command('image')
    .description('Explain which credential a pull would use')
    .addHelpText('after', example)
    .command('explain')
    .description('Show which registry a pull of this image would use, and why, without pulling')
    .argument('<reference>', 'Image reference, as docker pull accepts it')
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', example)
    .action(async (reference: string, { account, output }: AccountOption & OutputOption) => {
      const { image } = await (await connect(settings)).run(imageOperation, { reference, account });
      await printResult(format(image, output));
    });
}

function format(image: Image, output: OutputOption['output']): string {
  switch (output) {
    case 'id':
      return image.registry === null ? '' : printable(image.registry.id);
    case 'json':
      return jsonText(json(image));
    case 'table':
      return explanation(image);
  }
}

function json({ reference, host, repository, tag, digest, registry, candidates }: Image): object {
  const shown = candidates.map(({ registry: { id, registry: text }, matched, reason }) => ({
    registry: text,
    id,
    matched,
    reason,
  }));
  return { reference, host, repository, tag, digest, registry: registry && registryJson(registry), candidates: shown };
}

function explanation({ reference, registry, candidates }: Image): string {
  const winner =
    registry === null ? 'none; the pull would be anonymous' : `${registry.registry} (user ${registry.username})`;
  const lines = [`Image:     ${printable(reference)}`, `Registry:  ${printable(winner)}`];
  return candidates.length === 0
    ? lines.join('\n')
    : [...lines, '', tablePrinter(columns, resultWidth())(candidates)].join('\n');
}
