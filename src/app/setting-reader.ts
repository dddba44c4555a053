// Reads settings one by one and collects mistakes instead of stopping at the first. An empty setting counts as absent.

import { readFileSync } from 'node:fs';

/** Variables that the command line reads, or that Kubernetes injects for a service named `regway`. */
const foreignSettings = /^REGWAY_(URL|TOKEN|REGISTRY_PASSWORD|SERVICE_.+|PORT(_.+)?)$/;

/** The settings of one environment, which the caller passes. */
export class SettingReader {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];
  readonly #known = new Set<string>();

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    this.#known.add(name);
    return this.#environment[name]?.trim() || undefined;
  }

  parse<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : this.#attempt(name, () => parse(text));
  }

  list<T>(name: string, parse: (text: string) => T): T[] {
    const items =
      this.text(name)
        ?.split(/[\s,]+/)
        .filter(Boolean) ?? [];
    return items.flatMap((item) => this.#attempt(name, () => parse(item)) ?? []);
  }

  /** Returns the content of the file that a setting names, or undefined if the setting is absent or invalid. */
  file(name: string, check: (text: string) => string = (text) => text): string | undefined {
    const path = this.text(name);
    const text = path === undefined ? undefined : this.#read(name, path);
    return text === undefined ? undefined : this.#attempt(name, () => check(text));
  }

  /** Returns a setting that may contain a password, from the variable itself or from the file that `<name>_FILE` names. */
  secret(name: string, parse: (text: string) => string): string | undefined {
    const direct = this.text(name);
    const fromFile = this.file(`${name}_FILE`);
    if (direct !== undefined && fromFile !== undefined)
      this.mistake(`${name} and ${name}_FILE must not both be set. Remove one.`);
    const text = direct ?? fromFile?.trim();
    return text === undefined ? undefined : this.#attempt(name, () => parse(text));
  }

  mistake(sentence: string): void {
    this.#mistakes.push(sentence);
  }

  unknown(): string[] {
    return Object.keys(this.#environment).filter(
      (name) => name.startsWith('REGWAY_') && !this.#known.has(name) && !foreignSettings.test(name),
    );
  }

  /** Returns every mistake so far. */
  mistakes(): readonly string[] {
    return this.#mistakes;
  }

  #attempt<T>(name: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.mistake(`${name} ${error instanceof Error ? error.message : 'is invalid'}.`);
      return undefined;
    }
  }

  #read(name: string, path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      this.mistake(
        `${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ${path}.`,
      );
      return undefined;
    }
  }
}
