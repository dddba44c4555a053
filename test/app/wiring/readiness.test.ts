// Readiness is one query of the storage, however many callers without a token ask for it.

import { expect, it } from 'vitest';
import { createReadiness } from '../../../src/app/wiring/readiness.ts';
import type { Store } from '../../../src/database/store.ts';

function start() {
  const answers: ((exists: boolean) => void)[] = [];
  const accountExists = () => new Promise<boolean>((resolve) => answers.push(resolve));
  const store = { access: { accountExists } } as unknown as Pick<Store, 'access'>;
  const failures = { observe: () => undefined, noteAnswer: () => undefined, current: () => undefined };
  return { answers, readiness: createReadiness({ store, failures, now: () => new Date(0) }) };
}

it('a thousand probes at once are one query, and the next probe is another', async () => {
  const { answers, readiness } = start();
  const probes = Array.from({ length: 1_000 }, () => readiness.failedChecks());
  expect(answers).toHaveLength(1);
  answers[0]?.(true);
  expect((await Promise.all(probes)).flat()).toEqual([]);
  const next = readiness.failedChecks();
  expect(answers).toHaveLength(2);
  answers[1]?.(true);
  expect(await next).toEqual([]);
});
