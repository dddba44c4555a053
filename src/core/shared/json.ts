// Reads JSON texts (RFC 8259) without repeating them, and distinguishes JSON objects from other values.

/** Returns whether a value is an object with named members: not an array, not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses a JSON text, or returns undefined if it is not valid. Never throws: the parser's own message repeats a piece of
 * the text, which may be a secret. Ignores a leading byte order mark (RFC 8259 §8.1).
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

const byteOrderMark = 0xfe_ff;

/** Bytes that are read without a pause: a millisecond or two. */
const pieceBytes = 16 * 1024;

/**
 * Returns whether a text is a JSON object with one of these members. For long texts of strangers: one of 4 MiB can take a parser more than half a
 * second, in which nothing else runs. An object that is more than 64 levels deep is none, and a name with escapes in it is another.
 * @param pause Lets other work run, after each 16 KiB.
 */
export async function hasMember(
  text: Uint8Array,
  names: readonly string[],
  pause: () => Promise<void>,
): Promise<boolean> {
  const hasMark = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf;
  const scan = new MemberScan(names);
  for (let start = hasMark ? 3 : 0; start < text.length; start += pieceBytes) {
    if (!scan.push(text.subarray(start, start + pieceBytes))) return false;
    await pause();
  }
  return scan.hasFound();
}

/** Levels of arrays and objects. Manifests and lists have fewer than ten. */
const maxDepth = 64;

/** Characters of a number. */
const maxLiteralLength = 64;

const literalPattern = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const escapePattern = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})$/;

/** What may come next; `FIRST_…` may also be the end of an empty object or array. */
type Expected = 'FIRST_NAME' | 'NAME' | 'COLON' | 'FIRST_VALUE' | 'VALUE' | 'NEXT';

/** Reads an object byte by byte, and keeps nothing of it. */
class MemberScan {
  readonly #names: ReadonlySet<string>;
  readonly #longestName: number;
  readonly #open: ('{' | '[')[] = [];
  #expected: Expected = 'VALUE';
  #inside: 'STRUCTURE' | 'STRING' | 'LITERAL' = 'STRUCTURE';
  #literal = '';
  #escape = '';
  /** The name that is read, if it is one of the outermost object. */
  #name: string | undefined;
  #hasFound = false;

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
    this.#longestName = Math.max(...names.map(({ length }) => length));
  }

  /** Returns false once the text is no JSON object. */
  push(piece: Uint8Array): boolean {
    return piece.every((byte) => this.#read(byte));
  }

  /** Returns whether the text was an object, which has ended, with one of the names. */
  hasFound(): boolean {
    return this.#hasFound && this.#open.length === 0 && this.#inside === 'STRUCTURE';
  }

  #read(byte: number): boolean {
    if (this.#inside === 'STRING') return this.#readInString(byte);
    const char = String.fromCharCode(byte);
    if (this.#inside === 'LITERAL') {
      if (/[\w+.-]/.test(char)) return (this.#literal += char).length <= maxLiteralLength;
      if (!literalPattern.test(this.#literal)) return false;
      this.#inside = 'STRUCTURE';
      this.#expected = 'NEXT';
    }
    return ' \t\n\r'.includes(char) || this.#readStructure(char);
  }

  #readStructure(char: string): boolean {
    const [outer, expected] = [this.#open.at(-1), this.#expected];
    if (outer === undefined) return char === '{' && expected === 'VALUE' && this.#enter(char);
    if (char === (outer === '{' ? '}' : ']')) return this.#leave();
    if (expected === 'COLON') return char === ':' && this.#expect('VALUE');
    if (expected === 'NEXT') return char === ',' && this.#expect(outer === '{' ? 'NAME' : 'VALUE');
    const isName = expected === 'NAME' || expected === 'FIRST_NAME';
    if (char === '"') {
      this.#inside = 'STRING';
      this.#name = isName && this.#open.length === 1 ? '' : undefined;
      return this.#expect(isName ? 'COLON' : 'NEXT');
    }
    if (isName) return false;
    if (char === '{' || char === '[') return this.#enter(char);
    this.#inside = 'LITERAL';
    this.#literal = char;
    return true;
  }

  #expect(expected: Expected): true {
    this.#expected = expected;
    return true;
  }

  #enter(bracket: '{' | '['): boolean {
    this.#open.push(bracket);
    return this.#expect(bracket === '{' ? 'FIRST_NAME' : 'FIRST_VALUE') && this.#open.length <= maxDepth;
  }

  #leave(): boolean {
    const isEmpty = this.#expected === 'FIRST_NAME' || this.#expected === 'FIRST_VALUE';
    if (!isEmpty && this.#expected !== 'NEXT') return false;
    this.#open.pop();
    return this.#expect('NEXT');
  }

  #readInString(byte: number): boolean {
    // A character below the space (RFC 8259 §7).
    if (byte < 0x20) return false;
    if (this.#escape !== '' || byte === 0x5c) return this.#readEscape(String.fromCharCode(byte));
    if (byte === 0x22) {
      this.#inside = 'STRUCTURE';
      this.#hasFound ||= this.#name !== undefined && this.#names.has(this.#name);
    } else if (this.#name !== undefined && this.#name.length <= this.#longestName)
      this.#name += String.fromCharCode(byte);
    return true;
  }

  #readEscape(char: string): boolean {
    this.#escape += char;
    this.#name = undefined;
    if (this.#escape.length < (this.#escape.startsWith('\\u') ? 6 : 2)) return true;
    const isValid = escapePattern.test(this.#escape);
    this.#escape = '';
    return isValid;
  }
}
