// The chain of audit events: each event carries a keyed hash over itself and the hash before it, and a head says where the chain ends.
// Whoever changes the database without the keyring cannot make the hashes fit again.

import type { AuditEvent } from './event.ts';

/** A keyed hash of a text, in hex, under a key that the database does not hold in the clear. */
export type AuditMac = (text: string) => string;

/** An event in its place. */
export interface ChainedEvent extends AuditEvent {
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
  /** Null for a row that the chain did not write. */
  readonly hash: string | null;
}

/** Where the chain ends. Its own keyed hash makes a chain that was cut off show. */
export interface ChainHead {
  /** Of the last event; 0 when there is none. */
  readonly seq: number;
  /** Of the last event; `emptyHash` when there is none. */
  readonly hash: string;
  readonly mac: string;
}

/** What the first event is linked to. */
export const emptyHash = '';

/** The hash of an event: HMAC over a JSON list of its place, the hash before it, and every field. The order is part of the format. */
export function eventHash(mac: AuditMac, previousHash: string, seq: number, event: AuditEvent): string {
  const { at, actor, account, action, target, targetText, outcome, requestId } = event;
  return mac(
    JSON.stringify([
      'event/1',
      seq,
      previousHash,
      at.getTime(),
      actor,
      account,
      action,
      target,
      targetText,
      outcome,
      requestId,
    ]),
  );
}

/** The head of a chain whose last event has this place and hash. */
export function headOf(mac: AuditMac, seq: number, hash: string): ChainHead {
  return { seq, hash, mac: headMac(mac, seq, hash) };
}

/** Whether we wrote this head. */
export function isGenuineHead(mac: AuditMac, head: ChainHead): boolean {
  return head.mac === headMac(mac, head.seq, head.hash);
}

function headMac(mac: AuditMac, seq: number, hash: string): string {
  return mac(JSON.stringify(['head/1', seq, hash]));
}
