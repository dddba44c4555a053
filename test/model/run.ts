// Runs random sequences of commands on the system and on the model, and stops where they differ. A sequence is its seed.

import { deepStrictEqual } from 'node:assert';
import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../src/core/shared/problem.ts';
import { chanceOf, type Chance } from './choices.ts';
import { compareAll, readOnce } from './reads.ts';
import { startSystem, type System, type SystemParts } from './system.ts';
import type { World } from './world.ts';
import { caller, chooseWrite, type Write, type WriteResult } from './writes.ts';

const commandsPerSequence = 25;

export interface ModelDatabase extends SystemParts {
  /** Removes all registries. */
  clear(): Promise<void>;
}

export interface Tally {
  commands: number;
  changes: number;
  kills: number;
  /** Changes that were on their way at a kill, whose answer never came. */
  inDoubt: number;
}

/** Runs so many sequences. @throws Error with the seed and the commands at the first difference. */
export async function runSequences(database: ModelDatabase, firstSeed: number, count: number): Promise<Tally> {
  const tally: Tally = { commands: 0, changes: 0, kills: 0, inDoubt: 0 };
  let system = await startSystem(database);
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    await database.clear();
    system = await runSequence(database, system, seed, tally);
  }
  const verdict = await system.verifyAudit();
  await system.close();
  if (!verdict.intact) throw new Error(`The audit chain is broken: ${JSON.stringify(verdict)}`);
  return tally;
}

/** Gives the system that runs at the end. */
async function runSequence(database: ModelDatabase, started: System, seed: number, tally: Tally): Promise<System> {
  const chance = chanceOf(seed);
  const world: World = new Map();
  const told: string[] = [];
  let system = started;
  try {
    for (let command = 0; command < commandsPerSequence; command++) {
      tally.commands += 1;
      const kind = chance.below(20);
      if (kind === 0) {
        told.push('restart');
        await system.close();
        system = await startSystem(database);
      } else if (kind === 1) {
        const write = chooseWrite(chance, world);
        told.push(`kill during ${write.told}`);
        system = await killDuring(database, system, world, write, chance, tally);
      } else if (kind < 11) {
        const write = chooseWrite(chance, world);
        told.push(write.told);
        await change(system, world, write, tally);
      } else {
        told.push(await readOnce(chance, system, world));
      }
    }
    await compareAll(system, world);
    return system;
  } catch (error) {
    throw new Error(`Sequence ${seed} differs from the model after:\n${told.join('\n')}`, { cause: error });
  }
}

async function change(system: System, world: World, write: Write, tally: Tally): Promise<void> {
  const answer = await answerOf(system, write);
  deepStrictEqual(answer.code, write.expected);
  if (answer.code !== undefined) return;
  write.apply(world, answer.result);
  tally.changes += 1;
}

/** A write that was not answered before the kill may have happened or not; what is found must be one of the two, whole. */
async function killDuring(
  database: ModelDatabase,
  system: System,
  world: World,
  write: Write,
  chance: Chance,
  tally: Tally,
): Promise<System> {
  tally.kills += 1;
  let heard: Answer | undefined;
  const answering = (async () => {
    heard = await answerOf(system, write);
  })();
  await untilAnyPoint(chance);
  const killing = system.kill();
  // No caller sees later results.
  const answer = heard;
  await killing;
  const next = await startSystem(database);
  await answering;
  if (answer === undefined) {
    await settle(next, world, write, tally);
  } else {
    deepStrictEqual(answer.code, write.expected);
    if (answer.code === undefined) write.apply(world, answer.result);
  }
  return next;
}

/** A write on SQLite takes a few turns of the event loop, and many promises within one of them. */
async function untilAnyPoint(chance: Chance): Promise<void> {
  for (let turns = chance.below(4); turns > 0; turns--) await setImmediate();
  for (let promises = chance.below(40); promises > 0; promises--) await Promise.resolve();
}

async function settle(system: System, world: World, write: Write, tally: Tally): Promise<void> {
  const stored = await system.registries.get(
    caller,
    write.subject.startsWith('reg_') ? { id: write.subject } : { registry: write.subject },
  );
  const after: World = new Map(world);
  if (write.expected === undefined && (stored !== null || world.has(write.subject)))
    write.apply(after, stored === null ? undefined : { registry: stored });
  const happened = await isLike(system, after);
  if (!happened) await compareAll(system, world);
  tally.inDoubt += 1;
  if (!happened) return;
  world.clear();
  for (const [id, known] of after) world.set(id, known);
}

async function isLike(system: System, world: World): Promise<boolean> {
  return await compareAll(system, world).then(
    () => true,
    () => false,
  );
}

interface Answer {
  readonly code?: string;
  readonly result?: WriteResult | undefined;
}

async function answerOf({ registries }: System, write: Write): Promise<Answer> {
  try {
    return { result: await write.run(registries) };
  } catch (error) {
    if (error instanceof Problem) return { code: error.code };
    throw error;
  }
}
