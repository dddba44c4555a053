import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { propertyRuns } from '../../support/property-runs.ts';

const value = 'Zq7"w\\marker-5f2b9c8e1d';

/** The forms of a value in responses, logs, and dumps. */
const forms = [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value),
  Buffer.from(value).toString('hex'),
  Buffer.from(value).toString('base64').slice(0, 24),
  Buffer.from(value, 'utf16le').toString('latin1'),
  'marker-5f2b9c8e1d',
];

const loggedLines: string[] = [];
const logger = pino({ level: 'trace' }, { write: (line: string) => void loggedLines.push(line) });

/** Every way to print a value without `reveal`, except those that throw. */
const exits: Record<string, (thing: unknown) => string> = {
  'JSON.stringify': (thing) => JSON.stringify(thing) ?? '',
  'JSON.stringify, indented': (thing) => JSON.stringify({ thing }, null, 2),
  'util.inspect': (thing) => inspect(thing),
  'util.inspect at depth 0': (thing) => inspect(thing, { depth: 0 }),
  'util.inspect of everything': (thing) =>
    inspect(thing, { depth: Infinity, showHidden: true, showProxy: true, getters: true }),
  'util.inspect without custom printers': (thing) =>
    inspect(thing, { depth: Infinity, showHidden: true, customInspect: false, getters: true }),
  'util.format': (thing) => format('%s %o %O %j %d', thing, thing, thing, thing, thing),
  'String()': (thing) => String(thing),
  'a template literal': (thing) => `<${thing as string}>`,
  concatenation: (thing) => '<'.concat(thing as string),
  'Object.entries': (thing) =>
    Object.entries(thing as object)
      .flat()
      .map(String)
      .join(),
  structuredClone: (thing) => inspect(structuredClone(thing), { depth: Infinity, showHidden: true }),
  'v8.serialize': (thing) => serialize(thing).toString('latin1'),
  'a spread copy': (thing) => inspect({ ...(thing as object) }, { depth: Infinity, showHidden: true }),
  'an error message': (thing) => new Error(`failed: ${thing as string}`).stack ?? '',
  'an error cause': (thing) => inspect(new Error('failed', { cause: thing }), { depth: Infinity, showHidden: true }),
  'an aggregate error': (thing) =>
    inspect(new AggregateError([thing], 'failed'), { depth: Infinity, showHidden: true }),
  'a pino record': (thing) =>
    logged(() => logger.info({ thing }, 'seen %s %j %o', thing as string, thing as object, thing as object)),
  'a pino error': (thing) =>
    logged(() => logger.error(Object.assign(new Error(`failed: ${thing as string}`, { cause: thing }), { thing }))),
  'a pino child': (thing) => logged(() => logger.child({ thing }).warn(thing as object)),
};

function logged(log: () => void): string {
  loggedLines.length = 0;
  log();
  return loggedLines.join('');
}

/** Returns the text that an exit prints, or the error that it throws. */
function shownBy(exit: (thing: unknown) => string, thing: unknown): string {
  try {
    return exit(thing);
  } catch (error) {
    return inspect(error, { depth: Infinity, showHidden: true });
  }
}

function reveals(thing: unknown): string[] {
  return Object.entries(exits)
    .filter(([, exit]) => {
      const shown = shownBy(exit, thing);
      return forms.some((form) => shown.includes(form));
    })
    .map(([name]) => name);
}

/** Plain data, collections and errors, a Secret in at least one place. */
const { withSecret } = fc.letrec<{ withSecret: unknown; harmless: unknown }>((tie) => ({
  harmless: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.date()),
  withSecret: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(new Secret(value)),
    fc
      .dictionary(fc.string(), tie('harmless'), { maxKeys: 3 })
      .chain((record) => tie('withSecret').map((inner) => ({ ...record, password: inner }))),
    fc.tuple(tie('harmless'), tie('withSecret')),
    tie('withSecret').map((inner) => new Map([[inner, inner]])),
    tie('withSecret').map((inner) => new Set([inner])),
    tie('withSecret').map((inner) => Object.assign(new Error('failed', { cause: inner }), { inner })),
    tie('withSecret').map(
      (inner) =>
        Object.create(null, { hidden: { value: inner }, got: { get: () => inner, enumerable: true } }) as unknown,
    ),
    tie('withSecret').map((inner) => new Proxy({ inner }, {})),
  ),
}));

describe('a secret', () => {
  it('returns its value from reveal', () => {
    expect(new Secret(value).reveal()).toBe(value);
  });

  it.each(Object.keys(exits))('is not shown by %s', (name) => {
    const exit = exits[name] ?? String;
    for (const thing of [new Secret(value), { password: new Secret(value) }, [new Secret(value)]]) {
      expect(forms.filter((form) => shownBy(exit, thing).includes(form))).toEqual([]);
    }
  });

  it('is not shown by any of them in any object that contains it', { timeout: 120_000 }, () => {
    const property = fc.property(withSecret, (thing) => {
      const exitsThatReveal = reveals(thing);
      if (exitsThatReveal.length > 0) {
        throw new Error(`Revealed by ${exitsThatReveal.join(', ')}.`);
      }
    });
    expect(() => fc.assert(property, { numRuns: propertyRuns(10_000) })).not.toThrow();
  });

  it('is lost in a clone, which has no value to reveal', () => {
    const clone = structuredClone(new Secret(value));
    expect(clone).not.toBeInstanceOf(Secret);
    expect(() => Secret.prototype.reveal.call(clone)).toThrow(TypeError);
  });

  it('has no property that holds the value', () => {
    const secret = new Secret(value);
    const owners = [secret, Object.getPrototypeOf(secret) as object];
    expect(Reflect.ownKeys(secret)).toEqual([]);
    expect(
      inspect(
        owners.map((owner) => Object.getOwnPropertyDescriptors(owner)),
        { depth: Infinity },
      ),
    ).not.toContain('marker');
  });

  it('is shown by every exit when it is a bare string, so that the search can find it', () => {
    const blind = Object.keys(exits).filter(
      (name) => !reveals({ password: value, toString: () => value }).includes(name),
    );
    expect(blind.filter((name) => !['structuredClone', 'v8.serialize'].includes(name))).toEqual([]);
    expect(reveals({ password: value })).toEqual(expect.arrayContaining(['structuredClone', 'v8.serialize']));
  });
});
