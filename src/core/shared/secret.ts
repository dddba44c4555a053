// Holds a secret that is used and never shown: printing, logging, serializing, or cloning it yields a placeholder.

const placeholder = '[secret]';

/** A password or token. `reveal()` is the only way to the value; call it where the value leaves the process. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value in clear. */
  reveal(): string {
    return this.#value;
  }

  /** Returns whether the value begins or ends with white space or a line end, as one from a file does. */
  hasOuterSpace(): boolean {
    return this.#value !== this.#value.trim();
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }

  [Symbol.toPrimitive](): string {
    return placeholder;
  }

  /** The representation in `util.inspect`, `console.log`, and loggers. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return placeholder;
  }
}
