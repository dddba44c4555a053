// Chains audit events: each event has a keyed hash (HMAC) over itself and the previous hash, and the head names the end of the chain.
// Without the keyring, no one who changes the database can compute matching hashes. Written by hand, because the format is Regway's own.

import type { AuditEvent } from './event.ts';

/** Returns the keyed hash of a text, in hex, under a key that the database does not contain in clear. */
export interface AuditMac {
  (text: string): string;
  /** The key as an object that shows nothing of it, for a store that computes HMAC-SHA256 with it on another thread. */
  readonly key?: object | undefined;
}

/** An audit event at its place in the chain. */
export interface ChainedEvent extends AuditEvent {
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
  /** Null for a row that was not written through the chain. */
  readonly hash: string | null;
}

/** The end of the chain. Its own keyed hash reveals a chain that was truncated. */
export interface ChainHead {
  /** The place of the last event; 0 for an empty chain. */
  readonly seq: number;
  /** The hash of the last event; `emptyHash` for an empty chain. */
  readonly hash: string;
  readonly mac: string;
}

/** The previous hash of the first event. */
export const emptyHash = '';

/** A place in the chain: after the event with this number and hash. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: string;
}

/** The place before the first event. */
export const chainStart: ChainPlace = { seq: 0, hash: emptyHash };

/** Events older than the chain, which it adopted as they were at that time. Changes made to them before are not detected. */
export interface Adoption {
  readonly lastSeq: number;
  readonly at: Date;
}

/** Returns the adoption that an event records, or null if it records another action. */
export function adoptionOf({ action, at, seq }: Pick<ChainedEvent, 'action' | 'at' | 'seq'>): Adoption | null {
  return action === 'audit.adopt' ? { lastSeq: seq - 1, at } : null;
}

/** Returns the hash of an event: the HMAC of a JSON list of its place, the previous hash, and every field. The order is part of the format. */
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

/** Returns the head of a chain whose last event has this place and hash. */
export function headOf(mac: AuditMac, seq: number, hash: string): ChainHead {
  return { seq, hash, mac: headMac(mac, seq, hash) };
}

/** Returns whether Regway wrote this head. */
export function isGenuineHead(mac: AuditMac, head: ChainHead): boolean {
  return head.mac === headMac(mac, head.seq, head.hash);
}

function headMac(mac: AuditMac, seq: number, hash: string): string {
  return mac(JSON.stringify(['head/1', seq, hash]));
}
