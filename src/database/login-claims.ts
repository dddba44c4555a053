// Stores which server tries a password that may have been changed: one row for each registry, deleted with it. Implements the `LoginClaims` port.

import { sql } from 'drizzle-orm';
import type { ClaimState, CredentialVersion, LoginClaims } from '../core/pulls/login-claims.ts';
import type { Queries } from './database.ts';

const nowMs = sql`(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

/** Whether a rejection counts: it has not passed, and no validation has succeeded since. */
const isRejected = ({ validatedMs }: CredentialVersion) =>
  sql`coalesce(login_claim.rejected_until > ${nowMs} AND login_claim.validated_at >= ${validatedMs}, false)`;

interface Row extends Record<string, unknown> {
  readonly claim: string | null;
  readonly held: boolean;
  readonly rejected: boolean;
}

/**
 * Creates the claims. Each call is one statement beside the transactions of other writes, so that no pull waits for the chain of audit events.
 * @param run Runs a statement, and again on a new connection if the first one broke: each of them can be repeated.
 */
export function loginClaims(run: <T>(work: (queries: Queries) => Promise<T>) => Promise<T>): LoginClaims {
  const look = async (version: CredentialVersion): Promise<ClaimState | undefined> => {
    const { rows } = await run((queries) =>
      queries.execute<Row>(sql`
        SELECT claim, claim IS NOT NULL AND claimed_until > ${nowMs} AS held, ${isRejected(version)} AS rejected
        FROM login_claim WHERE registry_id = ${version.registryId} AND secret_version = ${version.secretVersion}`),
    );
    const [row] = rows;
    return row && { claim: row.claim, isHeld: row.held, isRejected: row.rejected };
  };
  return {
    look,
    async claim(version, claim, forMs) {
      const { registryId, secretVersion } = version;
      const { rows } = await run((queries) =>
        queries.execute(sql`
          INSERT INTO login_claim (registry_id, secret_version, claim, claimed_until, validated_at)
          SELECT id, ${secretVersion}::integer, ${claim}::text, ${nowMs} + ${forMs}::bigint, 0 FROM registry WHERE id = ${registryId}
          ON CONFLICT (registry_id) DO UPDATE SET secret_version = excluded.secret_version, claim = excluded.claim,
            claimed_until = excluded.claimed_until, rejected_until = NULL
          WHERE login_claim.claim = excluded.claim OR login_claim.secret_version < excluded.secret_version
            OR (login_claim.secret_version = excluded.secret_version AND NOT ${isRejected(version)}
              AND (login_claim.claim IS NULL OR login_claim.claimed_until <= ${nowMs}))
          RETURNING registry_id`),
      );
      return rows.length > 0 ? undefined : ((await look(version)) ?? unclaimed);
    },
    async settle({ registryId, secretVersion, validatedMs }, claim, result, rejectedForMs) {
      const isOwn = sql`registry_id = ${registryId} AND claim = ${claim}`;
      await run((queries) =>
        queries.execute(
          result === 'ACCEPTED'
            ? sql`UPDATE login_claim SET claim = NULL WHERE ${isOwn}`
            : result === 'UNKNOWN'
              ? sql`UPDATE login_claim SET claimed_until = ${nowMs} WHERE ${isOwn}`
              : // Counts for whoever has claimed it since as well.
                sql`UPDATE login_claim SET rejected_until = ${nowMs} + ${rejectedForMs}::bigint, validated_at = ${validatedMs}
                  WHERE registry_id = ${registryId} AND secret_version = ${secretVersion}`,
        ),
      );
    },
  };
}

/** A registry that was deleted, or whose password was changed, in the meantime. */
const unclaimed: ClaimState = { claim: null, isHeld: false, isRejected: false };
