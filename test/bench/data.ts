// The registries that the benchmark works on: a hundred hosts, each with one entry for itself, subtrees and single repositories.

import type { Registry } from '../../src/core/registry/registry.ts';
import type { ValidationReport, ValidationStepKind } from '../../src/core/registry/report.ts';

/** Of a seeded registry, what a right answer is told by. */
export interface SeededRegistry {
  readonly id: string;
  readonly registry: string;
  readonly kind: 'HOST' | 'SUBTREE' | 'EXACT';
}

/** Enough hosts that no host's entries are a large part of all. */
const hostCount = 100;
const teamCount = 20;
const groupsPerTeam = 5;

/** New registries sort behind every seeded one, so that pages of seeded ones stay as they are. */
export const createdHost = 'zz-created.example';

/** The seeded registries in the order of their text. @param count rounded up to whole hosts. */
export function seededRegistries(count: number): SeededRegistry[] {
  const perHost = Math.ceil(count / hostCount);
  const texts = Array.from({ length: hostCount }, (_, host) =>
    hostTexts(`registry-${padded(host, 3)}.example`, perHost),
  ).flat();
  // By code unit, which for ASCII is the order of the database.
  texts.sort();
  return texts.map((registry, index) => ({
    id: `reg_${index.toString(16).padStart(32, '0')}`,
    registry,
    kind: kindOf(registry),
  }));
}

/** A row as the product would have stored it after a successful validation. */
export function registryOf({ id, registry }: SeededRegistry, index: number): Registry {
  const slash = registry.indexOf('/');
  const createdAt = new Date(Date.UTC(2026, 0, 1) + index * 1000);
  return {
    id,
    account: 'admin',
    registry,
    host: slash < 0 ? registry : registry.slice(0, slash),
    repository: slash < 0 ? null : registry.slice(slash + 1),
    name: registry,
    type: 'DOCKER_V2',
    username: `robot-${index}`,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation: validReport(createdAt.getTime()),
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function hostTexts(host: string, count: number): string[] {
  const teams = Array.from({ length: teamCount }, (_, team) => `${host}/team-${padded(team, 2)}`);
  const groups = teams.flatMap((team) => Array.from({ length: groupsPerTeam }, (_, group) => `${team}/group-${group}`));
  const subtrees = [...teams, ...groups].map((path) => `${path}/*`);
  const apps = Array.from(
    { length: Math.max(0, count - 1 - subtrees.length) },
    (_, app) => `${groups[app % groups.length]}/app-${padded(app, 5)}`,
  );
  return [host, ...subtrees, ...apps].slice(0, count);
}

function kindOf(registry: string): SeededRegistry['kind'] {
  if (!registry.includes('/')) return 'HOST';
  return registry.endsWith('/*') ? 'SUBTREE' : 'EXACT';
}

/** As long as a real one, with all its steps: lists read it for every row. */
function validReport(checkedAt: number): ValidationReport {
  const kinds: ValidationStepKind[] = [
    'RESOLVE',
    'CONNECT',
    'TLS',
    'PING',
    'CHALLENGE',
    'REALM',
    'TOKEN',
    'AUTHORIZE',
    'REPOSITORY',
  ];
  return {
    outcome: 'VALID',
    message: 'The registry accepted the credential.',
    hint: null,
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt,
    durationMs: 184,
    steps: kinds.map((kind, index) => ({
      kind,
      status: 'PASSED',
      message: `The step ${kind.toLowerCase()} passed as it should.`,
      durationMs: 10 + index,
    })),
  };
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
