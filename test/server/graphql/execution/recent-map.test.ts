// What the map forgets: never what was used lately, once it is more than half full.

import { describe, expect, it } from 'vitest';
import { createRecentMap } from '../../../../src/server/graphql/execution/document-cache.ts';

describe('a map of recent entries', () => {
  it('holds no more than it may, however many come', () => {
    const map = createRecentMap<number, string>(4);
    for (let key = 0; key < 100; key++) map.set(key, `value ${key}`);
    expect([95, 96, 97, 98, 99].map((key) => map.get(key))).toEqual([
      undefined,
      'value 96',
      'value 97',
      'value 98',
      'value 99',
    ]);
  });

  it('keeps what is used again and again, whatever comes once', () => {
    const map = createRecentMap<string, number>(4);
    map.set('used', 1);
    for (let key = 0; key < 100; key++) {
      map.set(`once ${key}`, key);
      expect(map.get('used')).toBe(1);
    }
  });

  it('gives the newest value of a key', () => {
    const map = createRecentMap<string, number>(4);
    map.set('key', 1);
    map.set('key', 2);
    expect(map.get('key')).toBe(2);
  });
});
