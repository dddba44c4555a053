// Turns the phases of a validation's first connection into steps: name, TCP connection, TLS, then the ping.

import type { Steps } from '../login/steps.ts';
import type { ConnectionPhase } from '../transport/connector.ts';

/** The messages of the steps of the first connection. */
export interface ConnectionWords {
  /** The `host:port` that is dialed. */
  readonly address: string;
  /** Whether the host is an IP address, so that there is no name to resolve. */
  readonly isLiteral: boolean;
  readonly verifyCertificate: boolean;
}

/** Records one phase of the first connection, and of no later one: each phase counts only right after the one before. */
export function recordPhase(steps: Steps, phase: ConnectionPhase, words: ConnectionWords): void {
  if (phase === 'RESOLVING' && steps.running() === undefined && steps.finished.length === 0) steps.start('RESOLVE');
  if (phase === 'CONNECTING' && steps.running() === 'RESOLVE') {
    if (words.isLiteral) steps.finish('SKIPPED', 'The host is an IP address; there is no name to resolve.');
    else steps.finish('PASSED', 'The name resolves.');
    steps.start('CONNECT');
  }
  if (phase === 'SECURING' && steps.running() === 'CONNECT') {
    steps.finish('PASSED', `Connected to ${words.address}.`);
    steps.start('TLS');
  }
  if (phase === 'READY' && steps.running() === 'TLS') {
    if (words.verifyCertificate) steps.finish('PASSED', 'The certificate is valid for this host.');
    else steps.finish('WARNED', 'Encrypted, but the certificate was not verified, as this registry allows.');
    steps.start('PING');
  }
}
