// The scalar DateTime, written as text at once: a Date in an answer would cost JSON a call for each, and a page has a hundred.

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { GraphQLDateTime } from 'graphql-scalars';
import { Secret } from '../../../core/shared/secret.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** The days of the registries that are looked at; when there are more, all are forgotten. */
const maxDays = 1_000;
const clockLength = '00:00:00.000Z'.length;

const days = new Map<number, string>();
const twoDigits = (number: number): string => String(number).padStart(2, '0');
const minutesOfDay = Array.from({ length: 24 * 60 }, (_, minute) => `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}:`);
const secondsOfMinute = Array.from({ length: 60 }, (_, second) => `${twoDigits(second)}.`);
const millisecondsOfSecond = Array.from({ length: 1000 }, (_, millisecond) => `${String(millisecond).padStart(3, '0')}Z`);

export const dateTimeScalar = new GraphQLScalarType<Date, string>({
  ...GraphQLDateTime.toConfig(),
  serialize: (value) => printDateTime(value instanceof Date ? value : GraphQLDateTime.serialize(value)),
});

/**
 * As `toISOString`, which takes six times as long: most of a date is its day, and days come again and again.
 * @throws RangeError for an invalid date.
 */
export function printDateTime(date: Date): string {
  const time = date.getTime();
  const day = Math.floor(time / dayMs);
  const inDay = time - day * dayMs;
  const seconds = Math.floor(inDay / 1000);
  return `${days.get(day) ?? printDay(day)}${minutesOfDay[Math.floor(seconds / 60)]}${secondsOfMinute[seconds % 60]}${millisecondsOfSecond[inDay % 1000]}`;
}

function printDay(day: number): string {
  const text = new Date(day * dayMs).toISOString().slice(0, -clockLength);
  if (days.size >= maxDays) days.clear();
  days.set(day, text);
  return text;
}

export const secretScalar: GraphQLScalarType<Secret, never> = new GraphQLScalarType<Secret, never>({
  name: 'Secret',
  description: 'A password or token, given as a string (better in a variable than in the document). It only goes in: no answer, error or log ever shows it.',
  parseValue(value) {
    if (typeof value !== 'string') throw notAString();
    return new Secret(value);
  },
  parseLiteral(node) {
    // A plain Error here would make graphql-js print the literal.
    if (node.kind !== Kind.STRING) throw notAString(node);
    return new Secret(node.value);
  },
  serialize() {
    throw new Error('A Secret is never an answer.');
  },
});

function notAString(node?: ValueNode): GraphQLError {
  return new GraphQLError('A Secret must be a string.', { nodes: node ?? null });
}
