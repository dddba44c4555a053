// Parses the input of use cases with zod: one-line texts, account names, Relay page sizes.

import { z } from 'zod';
import { Problem } from './problem.ts';

/** Maximum length of a display name, in characters: it fits a table column. */
export const maxNameLength = 200;
/** Maximum length of a canonical registry pattern, in characters. A longer search text cannot match. */
export const maxSearchLength = 512;
/** Maximum number of entries on a Relay page: one read and one screen. */
export const maxPageSize = 100;
/** Entries on a page if the caller names no size. */
export const defaultPageSize = 50;

/**
 * Characters of text direction and those without a form (Unicode UTS #39 §3.1), with which a reader sees another text. Not the one that makes a
 * sign an emoji.
 */
const unseen = /\p{Cf}|(?!\ufe0f)\p{Default_Ignorable_Code_Point}/u;

/** Returns the schema of a text on one line, of at most `maxLength` characters. */
export const singleLine = (maxLength: number) =>
  z
    .string()
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine(
      (text) => !/\p{Cc}|\p{Zl}|\p{Zp}/u.test(text) && text.isWellFormed(),
      'must be one line without control characters',
    )
    .refine(
      (text) => !unseen.test(text),
      'must not contain characters that are invisible or change the direction of text, because it would look like another',
    );
/** The schema of an account name that a caller refers to. It need not exist. */
export const accountName = singleLine(100).min(1, 'must not be empty');

/** The schema of `first` and `last`. */
export const pageSize = z
  .int('must be a whole number')
  .min(0, 'must not be negative')
  .max(maxPageSize, `must be at most ${maxPageSize}; follow pageInfo for more`);

/**
 * Parses one input by its schema.
 * @throws Problem `INVALID_INPUT` for the first violation, with the path of its field.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknownKeys = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknownKeys].map((part) => String(part).slice(0, maxNameLength));
  const reason = unknownKeys.length > 0 ? 'is not a field of this input' : (issue?.message ?? 'is not valid');
  throw new Problem('INVALID_INPUT', `${field.join('.') || 'The input'} ${lowerFirst(reason)}.`, { field });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
