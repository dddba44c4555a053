// Several of a kind as one: who is called, and by what.

import { expect, it } from 'vitest';
import { inTurn } from './in-turn.ts';

const create = () => {
  const called: string[] = [];
  const target = (name: string) => ({
    find: (text: string) => called.push(`${name} find ${text}`),
    close: async () => void called.push(`${name} close`),
    below: { find: (text: string) => called.push(`${name} below ${text}`) },
  });
  return { called, both: inTurn([target('one'), target('other')], ['close']) };
};

it('each call goes to the target after that of the previous call, at any depth', () => {
  const { called, both } = create();
  both.find('a');
  both.below.find('b');
  const { below } = both;
  below.find('c');
  both.find('d');
  expect(called).toEqual(['one find a', 'other below b', 'one below c', 'other find d']);
});

it('a call for all targets reaches all of them', async () => {
  const { called, both } = create();
  await both.close();
  expect(called).toEqual(['one close', 'other close']);
});

it('a single target is returned as it is', () => {
  const single = { find: () => 1 };
  expect(inTurn([single])).toBe(single);
});
