// How keys and their rotations are printed: names and counts, never a key.

import type { DataRotationFacts, KeyStatusFacts, RootRotationFacts } from '../context.ts';
import type { Output } from '../registry/output.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, resultWidth } from '../terminal/terminal.ts';

const rootColumns: readonly Column<KeyStatusFacts['rootKeys'][number]>[] = [
  { heading: 'ROOT KEY', text: ({ id }) => id },
  { heading: 'WRAPS DATA KEYS', text: ({ dataKeys }) => String(dataKeys) },
];

const dataColumns: readonly Column<KeyStatusFacts['dataKeys'][number]>[] = [
  { heading: 'DATA KEY', text: ({ id }) => String(id) },
  { heading: 'STATE', text: ({ state }) => state.toLowerCase() },
  { heading: 'WRAPPED WITH', text: ({ rootKeyId }) => rootKeyId },
  { heading: 'PASSWORDS', text: ({ passwords }) => String(passwords) },
  { heading: 'CREATED', text: ({ createdAt }) => createdAt.toISOString().slice(0, 10) },
];

/** The keys, with the line end of the last line. */
export function formatKeyStatus(status: KeyStatusFacts, output: Output): string {
  if (output === 'json') return `${jsonText(status)}\n`;
  const roots = tablePrinter(rootColumns, resultWidth())(status.rootKeys);
  const data = tablePrinter(dataColumns, resultWidth())(status.dataKeys);
  return `Keyring: ${status.keyringFile}\n\n${roots}\n\n${data}\n`;
}

/** What a rotation of the data key did. */
export function formatDataRotation(rotation: DataRotationFacts, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { activeId, wasInterrupted, resealed, unreadable, leftInLog } = rotation;
  const begin = wasInterrupted ? `An interrupted rotation was ended` : `Data key ${activeId} seals now`;
  const left = unreadable.map((id) => `Its old key stays for ${id}, whose password cannot be read: enter it again with "regway registry update".\n`);
  return `${begin}: ${resealed} passwords were sealed anew.\n${left.join('')}${logAdvice(leftInLog)}`;
}

/** What a rotation of the root key did. */
export function formatRootRotation(rotation: RootRotationFacts, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { rootKeyId, leftInFile, leftInLog } = rotation;
  const left = leftInFile.map((id) => `The keyring file cannot be written here: take the line of the key ${id} out of it.\n`);
  return `Root key ${rootKeyId} wraps every data key now. Keep a copy of the keyring apart from the database.\n${left.join('')}${logAdvice(leftInLog)}`;
}

function logAdvice(leftInLog: boolean): string {
  return leftInLog ? 'Something reads the database for long, so its log (-wal) still holds what the old key opens: repeat this once that has ended.\n' : '';
}
