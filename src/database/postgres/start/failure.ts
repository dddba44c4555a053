// Says why a start cannot use a PostgreSQL server: one sentence for each reason, with what to do.
// It reads sentences of the server and of poolers where they send no code of their own for what they say.

import { translateFailure, StoreError } from '../../errors.ts';
import type { Host } from '../address.ts';
import { isWithoutTls } from '../address/tls-fallback.ts';

/** FINAL needs another setting or server. AWAY may be a wrong setting or a server that starts later. PASSING ends by itself. */
export type Persistence = 'FINAL' | 'AWAY' | 'PASSING';

/** Why one server cannot be used. */
export interface Failure {
  readonly sentence: string;
  readonly persistence: Persistence;
  /** The code of the driver or the server, if it has one. */
  readonly code?: string | undefined;
  /** Whether the server rejected the login, so that it must not be tried on another host. */
  readonly isDenied?: boolean;
}

export interface Attempt extends Host {
  /** The setting that contains the address. */
  readonly setting: string;
  /** Whether the connection uses TLS. */
  readonly isEncrypted: boolean;
  /** Milliseconds that the server had to answer. */
  readonly limitMs: number;
}

interface ServerError extends Error {
  readonly code?: string;
  /** The function of the server that failed. Unlike the message, it is in no language. */
  readonly routine?: string;
}

/** Returns the name of a server for messages: `host:port`, or the path of its socket. */
export function nameOf({ host, port }: Host): string {
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Says what an error of a connection means for the start. */
export function describeFailure(error: unknown, attempt: Attempt): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return { ...failureOf(error, attempt), code };
}

function failureOf(error: unknown, attempt: Attempt): Failure {
  if (error instanceof StoreError) return { sentence: error.message, persistence: 'FINAL', isDenied: true };
  const known = error instanceof Error ? (ofServer(error, attempt) ?? ofNetwork(error, attempt)) : undefined;
  if (known !== undefined) return known;
  const translated = translateFailure(error);
  if (translated instanceof StoreError) return { sentence: translated.message, persistence: 'FINAL' };
  return passing(`The connection to ${nameOf(attempt)} failed${codeOf(error)}.`);
}

function ofNetwork(error: Error & { readonly code?: string }, attempt: Attempt): Failure | undefined {
  const [name, code] = [nameOf(attempt), codeOf(error)];
  const { host, setting, limitMs } = attempt;
  switch (error.code) {
    case 'ECONNREFUSED':
      return away(
        `No server listens on ${name}${code}. Check the port in ${setting}, and whether PostgreSQL is running.`,
      );
    case 'ENOENT':
      return away(
        `The socket ${name} does not exist${code}. Check the host in ${setting}, and whether PostgreSQL is running.`,
      );
    case 'ENOTFOUND':
      return away(`The host name ${host} does not resolve${code}. Check the host in ${setting}.`);
    case 'EAI_AGAIN':
      return passing(
        `The host name ${host} cannot be resolved at the moment${code}: no name server answers. Check the network and its name servers.`,
      );
    case undefined:
      break;
    default:
      return undefined;
  }
  if (isWithoutTls(error))
    return final(
      `The PostgreSQL server at ${name} does not offer TLS, which the sslmode of ${setting} requires. Turn on TLS at the server, or, in a network that you trust, use sslmode=prefer.`,
    );
  if (
    /establishing an SSL connection|invalid response|[Uu]nknown|unexpected/.test(error.message) &&
    !/terminated/.test(error.message)
  )
    return final(`The server at ${name} does not answer as PostgreSQL does. Check the port in ${setting}.`);
  if (/timeout/.test(error.message))
    return passing(
      `The server at ${name} did not answer within ${limitMs / 1_000} s. Check the host and the port in ${setting}, and firewalls on the way.`,
    );
  return passing(
    `The server at ${name} closed the connection without an answer. Check whether it is PostgreSQL, and its log.`,
  );
}

/** An error that a server or a pooler sent. https://www.postgresql.org/docs/15/errcodes-appendix.html */
function ofServer(error: ServerError, attempt: Attempt): Failure | undefined {
  const { code = '', message } = error;
  const { setting, isEncrypted } = attempt;
  const [name, shownCode] = [nameOf(attempt), codeOf(error)];
  if (!/^[0-9A-Z]{5}$/.test(code)) return undefined;
  if (/^53300$/.test(code) || /no more connections|max(imum)? client|too many (clients|connections)/i.test(message))
    return passing(
      `The server at ${name} has no free connection${shownCode}. Raise max_connections (of a pooler, max_client_conn and its pool size), or run fewer clients; a replica of Regway uses up to 11 connections.`,
    );
  if (code === '57P03')
    return passing(
      `The PostgreSQL server at ${name} is starting up, shutting down, or recovering${shownCode}. Wait until it accepts connections.`,
    );
  if (/^(57P0.|58...)$/.test(code))
    return passing(`The PostgreSQL server at ${name} is shutting down or cannot reach its database${shownCode}.`);
  if (/unsupported startup parameter/.test(message))
    return final(
      `The pooler at ${name} rejects a parameter of the connection${shownCode}. Remove options from ${setting} (PGOPTIONS too), or add the parameter to the pooler's ignore_startup_parameters.`,
    );
  if (/statement pooling mode/.test(message))
    return final(
      `The pooler at ${name} is in statement mode${shownCode}, in which no transaction is possible. Set its pool_mode to session or transaction, or name PostgreSQL itself in ${setting}.`,
    );
  if (!isEncrypted && isTlsDemand(error))
    return denied(
      `The server at ${name} does not accept this login without TLS${shownCode}. Use sslmode=verify-full or at least sslmode=require in ${setting}, or permit the login without TLS in its pg_hba.conf.`,
    );
  if (code === '25006') return final(readOnlySentence(attempt));
  if (code === '3D000')
    return denied(
      `The server at ${name} has no database of the name in ${setting}${shownCode}. Create it, or correct the name.`,
    );
  if (/^28...$/.test(code) || /no such (user|database)/.test(message))
    return denied(
      `PostgreSQL rejects this login at ${name}${shownCode}. Check the user and the password in ${setting}, and the server's pg_hba.conf.`,
    );
  return undefined;
}

/** Returns whether a server or a pooler refuses a login because it is not encrypted. */
function isTlsDemand({ code, routine, message }: ServerError): boolean {
  const hasNoEntry = code === '28000' && routine === 'ClientAuthentication';
  return hasNoEntry || /\b(SSL|TLS)\b.{0,20}\brequired|connection is insecure/i.test(message);
}

/** Returns the sentence about a server that stores nothing. */
export function readOnlySentence(attempt: Pick<Attempt, 'host' | 'port' | 'setting'>): string {
  return `The PostgreSQL server at ${nameOf(attempt)} is read-only: it is a standby, or its default_transaction_read_only is on. Name the primary in ${attempt.setting}, or all servers together with target_session_attrs=read-write.`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}

/** A failure that only another setting or server ends. */
export function final(sentence: string): Failure {
  return { sentence, persistence: 'FINAL' };
}

/** A failure that ends by itself. */
export function passing(sentence: string): Failure {
  return { sentence, persistence: 'PASSING' };
}

function denied(sentence: string): Failure {
  return { sentence, persistence: 'FINAL', isDenied: true };
}

function away(sentence: string): Failure {
  return { sentence, persistence: 'AWAY' };
}
