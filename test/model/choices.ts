// Chance that can be repeated: the same seed makes the same choices. The values are few, so that they collide often.

import { registryOrderFields } from '../../src/core/registry/store.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { refusedPassword } from './system.ts';
import type { ListQuery } from './world.ts';

export interface Chance {
  /** A whole number from 0 to below the bound. */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
  /** True once in so many times. */
  oneIn(times: number): boolean;
}

/** Mulberry32: enough for choices, and short. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    oneIn: (times) => below(times) === 0,
  };
}

export const hosts = ['a.example', 'b.example:5000', 'docker.io'];
const repositories = ['', '/team/*', '/team/app', '/team/deep/*', '/team/deep/er/app', '/x/*', '/x/y'];
const paths = ['team/app', 'team/other', 'team/deep/app', 'team/deep/er/app', 'x/y', 'x/y/z', 'elsewhere/app'];
const names = ['Alpha', 'alpha', 'Beta', '50% off', 'under_score', 'é accent', 'Zulu', 'a.example'];
const usernames = ['robot', 'Robot', 'admin', '_token'];
const searches = ['alpha', 'ROBOT', '%', '_', 'example/team', 'é', 'nothing has this'];
const types = ['DOCKER_V2', 'GCR'] as const;

export const textOf = (chance: Chance): string => chance.pick(hosts) + chance.pick(repositories);
export const pathOf = (chance: Chance): string => chance.pick(paths);

/** Fields of an update. Each is optional. */
export function changeOf(chance: Chance) {
  return {
    ...(chance.oneIn(2) && { name: chance.oneIn(4) ? null : chance.pick(names) }),
    ...(chance.oneIn(3) && { username: chance.pick(usernames) }),
    ...(chance.oneIn(6) && { type: chance.pick(types) }),
    ...(chance.oneIn(2) && { password: passwordOf(chance) }),
  };
}

export function inputOf(chance: Chance) {
  const name = chance.oneIn(3) ? {} : { name: chance.pick(names) };
  return {
    registry: textOf(chance),
    username: chance.pick(usernames),
    password: passwordOf(chance),
    type: chance.pick(types),
    ...name,
  };
}

export function settingsOf(chance: Chance) {
  return { secureConnection: !chance.oneIn(4), validate: !chance.oneIn(3) };
}

export function listQueryOf(chance: Chance): ListQuery {
  return {
    filter: {
      ...(chance.oneIn(3) && { search: chance.pick(searches) }),
      ...(chance.oneIn(4) && { host: chance.pick(hosts) }),
      ...(chance.oneIn(5) && { type: chance.pick(types) }),
      ...(chance.oneIn(5) && { outcome: chance.pick(['VALID', 'SKIPPED', 'INVALID_CREDENTIALS'] as const) }),
    },
    field: chance.pick(registryOrderFields),
    direction: chance.pick(['ASC', 'DESC']),
  };
}

function passwordOf(chance: Chance): string {
  return (chance.oneIn(4) ? refusedPassword : 'good') + chance.below(1_000);
}

/** The same with the password as a Secret. */
export function sealedInput<T extends { readonly password?: string }>(
  input: T,
): Omit<T, 'password'> & { password?: Secret } {
  const { password, ...rest } = input;
  return password === undefined ? rest : { ...rest, password: new Secret(password) };
}
