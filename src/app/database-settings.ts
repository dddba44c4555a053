// Reads the settings of the database: the file or the address, the address for notifications, and how long the start waits for it.

import { join } from 'node:path';
import { isPostgres } from '../database/database.ts';
import { AddressError, parseAddress } from '../database/postgres/address.ts';
import {
  type AddressDefaults,
  completeAddress,
  readVariables,
  unreadVariables,
} from '../database/postgres/address/environment.ts';
import { isInPairs } from '../database/postgres/address/text.ts';
import { parseDatabaseFile, parseSeconds } from './setting-parsers.ts';
import type { SettingReader } from './setting-reader.ts';

/** Where the data is stored. */
export interface DatabaseSettings {
  /** The path of a SQLite file, or `postgres://…`, complete with what libpq's variables of the environment say. */
  readonly databaseUrl: string;
  /** An address of the same PostgreSQL database for LISTEN, where `databaseUrl` leads through a pooler that loses it. */
  readonly databaseListenUrl: string | undefined;
  /** Milliseconds for which the start waits for a PostgreSQL database that cannot be reached; 0 if it does not wait. */
  readonly databaseWaitMs: number;
  /** Completes the address of the database that `regway migrate` copies to. */
  readonly addressDefaults: AddressDefaults;
  /** Variables of libpq that are set, and that Regway does not read; the server warns about each. */
  readonly unreadVariables: readonly string[];
}

interface Context {
  readonly dataDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The path of REGWAY_CA_FILE, if that is set and valid. */
  readonly caFile: string | undefined;
}

const urlSetting = 'REGWAY_DATABASE_URL';
const listenSetting = 'REGWAY_DATABASE_LISTEN_URL';

/** Reads the settings, and reports every mistake of an address. No mistake repeats a part of an address, because it may be a password. */
export function readDatabase(reader: SettingReader, { dataDir, environment, caFile }: Context): DatabaseSettings {
  const defaults: AddressDefaults = { environment: readVariables(environment), caFile };
  const text = reader.secret(urlSetting, (value) => (isAddress(value) ? value : parseDatabaseFile(value)));
  const databaseUrl = text === undefined ? join(dataDir, 'regway.db') : completed(reader, urlSetting, text, defaults);
  const listen = reader.secret(listenSetting, (value) => value);
  if (listen !== undefined && !isAddress(listen))
    reader.mistake(`${listenSetting} must be postgres://user:password@host/database.`);
  else if (listen !== undefined && !isPostgres(databaseUrl))
    reader.mistake(`${listenSetting} must not be set unless ${urlSetting} is the address of a PostgreSQL database.`);
  return {
    databaseUrl,
    databaseListenUrl: listen === undefined ? undefined : completed(reader, listenSetting, listen, defaults),
    databaseWaitMs: reader.parse('REGWAY_DATABASE_WAIT', parseSeconds) ?? 0,
    addressDefaults: defaults,
    unreadVariables: isPostgres(databaseUrl) ? unreadVariables(environment) : [],
  };
}

function isAddress(text: string): boolean {
  return isPostgres(text) || isInPairs(text);
}

/** Returns a path as it is, and an address complete with what the environment says. */
function completed(reader: SettingReader, name: string, text: string, defaults: AddressDefaults): string {
  if (!isAddress(text)) return text;
  try {
    parseAddress(text, name, defaults);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    error.mistakes.forEach((mistake) => reader.mistake(mistake));
  }
  return completeAddress(text, defaults);
}
