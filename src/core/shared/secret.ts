// A value that is used and never shown: printing, logging, serialising or cloning it gives a placeholder.

const placeholder = '[secret]';

/** Holds a password or token. `reveal()` is the only way to the value; call it where the value leaves the process. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The clear value. */
  reveal(): string {
    return this.#value;
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

  /** What `util.inspect`, `console.log` and loggers show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return placeholder;
  }
}
