// Reads the options of an address one by one and collects every mistake, with the name of the option and never its value.

import { readFileSync } from 'node:fs';
import type { Options } from './text.ts';

export interface OptionReader {
  /** Returns a value as it is, or undefined if the option is absent. */
  text(name: string): string | undefined;
  /** Returns one of the values, or undefined if the option is absent or another one. */
  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined;
  /** Returns a whole number of at most four digits, or undefined if the option is absent or something else. */
  number(name: string): number | undefined;
  /** Returns the content of the file that an option names, or undefined if the option is absent or the file cannot be read. */
  file(name: string): string | undefined;
  /** Notes a mistake. @param must completes "…, which must". */
  refuse(name: string, must: string): void;
}

/**
 * Creates a reader.
 * @param label begins a sentence about the address, such as the name of the setting that contains it.
 * @param mistakes gets a sentence for each mistake.
 */
export function optionReader(options: Options, label: string, mistakes: string[]): OptionReader {
  const text = (name: string): string | undefined => options.get(name)?.value;
  const refuse = (name: string, must: string): void => {
    const variable = options.get(name)?.variable;
    mistakes.push(`${variable ?? `${label} has the option ${name}, which`} must ${must}.`);
  };
  return {
    text,
    refuse,
    oneOf(name, values) {
      const value = text(name);
      const found = values.find((candidate) => candidate === value);
      if (value !== undefined && found === undefined) refuse(name, `be one of ${values.join(', ')}`);
      return found;
    },
    number(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (/^\d{1,4}$/.test(value)) return Number(value);
      refuse(name, 'be a whole number from 0 to 9999');
      return undefined;
    },
    file(name) {
      const path = text(name);
      if (path === undefined) return undefined;
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
        refuse(name, `name a file that Regway can read (${code})`);
        return undefined;
      }
    },
  };
}
