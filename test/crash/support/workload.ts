// Callers that create, update and delete registries at a steady rate over HTTP, and note what each answer promised.

import { setTimeout as pause } from 'node:timers/promises';
import { operationsOn, type Operations, type Payload } from '../../e2e/support/operations.ts';
import type { Knowledge } from './knowledge.ts';

const callers = 5;
/** 5 callers with a write every 100 ms each are 50 writes a second. */
const writeIntervalMs = 100;

/** A registry that its caller knows to be there. */
interface Live {
  readonly id: string;
  readonly registry: string;
}

export interface Workload {
  /** Ends every caller once its write was answered, or has failed. */
  stop(): Promise<void>;
}

/** The outcome of one write. A silence with a code is a response that leaves the outcome open. */
export type Answer =
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'silence'; readonly code?: string };

let names = 0;

/** Starts the callers. @param token of a role that may write. */
export function startWorkload(
  server: Parameters<typeof operationsOn>[0],
  token: string,
  knowledge: Knowledge,
  options: WriteOptions = {},
): Workload {
  const writes = createWrites(operationsOn(server, token), knowledge, options);
  const stopping = new AbortController();
  const running = Array.from({ length: callers }, async () => {
    const live: Live[] = [];
    await pause(Math.random() * writeIntervalMs);
    while (!stopping.signal.aborted) {
      const next = pause(writeIntervalMs);
      await writeOnce(writes, live);
      await next;
    }
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

export interface WriteOptions {
  /** Told of each answer. */
  readonly onAnswer?: (answer: Answer) => void;
  /** Whether a write that ended with STORAGE_UNAVAILABLE may have happened: a database at the other end of a connection can commit it and then be lost. */
  readonly unavailableIsOpen?: boolean;
}

/** One write of each kind, whose answers are noted. */
export function createWrites(
  operations: Operations,
  knowledge: Knowledge,
  { onAnswer, unavailableIsOpen = false }: WriteOptions = {},
) {
  const noted = async (
    registry: string,
    next: string | null,
    send: () => Promise<Partial<Payload> & { deletedId?: string | null }>,
  ): Promise<Answer> => {
    const write = knowledge.begin(registry, next);
    const answer = await send().then((payload) => answerOf(payload, unavailableIsOpen), silenceOf);
    if (answer.kind === 'done') write.acknowledged();
    if (answer.kind === 'refused') write.refused();
    onAnswer?.(answer);
    return answer;
  };
  return {
    create(registry: string): Promise<Answer> {
      const name = newName();
      return noted(registry, name, () =>
        operations.create({ registry, username: 'u', password: `password of ${name}`, name }, { validate: false }),
      );
    },
    update({ id, registry }: Live): Promise<Answer> {
      const name = newName();
      return noted(registry, name, () =>
        operations.update(id, { name, password: `password of ${name}` }, { validate: false }),
      );
    },
    delete: ({ id, registry }: Live): Promise<Answer> => noted(registry, null, () => operations.delete(id)),
  };
}

type Writes = ReturnType<typeof createWrites>;

/** Half creates, and of the rest more updates than deletes. A registry without a response is not used again. */
async function writeOnce(writes: Writes, live: Live[]): Promise<void> {
  const chance = Math.random();
  const [chosen] = chance < 0.5 ? [] : live.splice(Math.floor(Math.random() * live.length), 1);
  if (chosen === undefined) {
    const registry = `${newName()}.example`;
    const answer = await writes.create(registry);
    if (answer.kind === 'done') live.push({ id: answer.id, registry });
  } else if (chance < 0.85) {
    const answer = await writes.update(chosen);
    if (answer.kind !== 'silence') live.push(chosen);
  } else {
    const answer = await writes.delete(chosen);
    if (answer.kind === 'refused') live.push(chosen);
  }
}

function answerOf(
  { registry, deletedId, errors = [] }: Partial<Payload> & { deletedId?: string | null },
  unavailableIsOpen: boolean,
): Answer {
  const [error] = errors;
  if (unavailableIsOpen && error?.code === 'STORAGE_UNAVAILABLE') return { kind: 'silence', code: error.code };
  return error === undefined
    ? { kind: 'done', id: registry?.id ?? deletedId ?? '' }
    : { kind: 'refused', code: error.code };
}

/** An answer without a payload is one when it says what is wrong: the write was not begun. Everything else leaves open what happened. */
function silenceOf(error: unknown): Answer {
  return String(error).includes('STORAGE_UNAVAILABLE')
    ? { kind: 'refused', code: 'STORAGE_UNAVAILABLE' }
    : { kind: 'silence' };
}

function newName(): string {
  return `r${(names += 1)}`;
}
