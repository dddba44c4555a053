// Looks for a secret in bytes, in every form in which software likes to leave one behind.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place and the form in which the secret was found there. */
export interface Leak {
  readonly place: string;
  readonly form: string;
}

/** 21 random letters and digits to search for, and 11 characters that every escaping changes: 32 in all. */
export function randomMarker(): string {
  const core = randomBytes(64)
    .toString('base64')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 21);
  return `${core}"\\/+%é&<> '`;
}

/** Every form of the marker, and of its unescapable core, by name. */
export function markerForms(marker: string): Map<string, Buffer> {
  const core = /^[A-Za-z0-9]+/.exec(marker)?.[0] ?? marker;
  const forms = new Map<string, Buffer>();
  for (const [what, text] of [
    ['marker', marker],
    ['core', core],
  ] as const) {
    forms.set(`${what}, raw`, Buffer.from(text));
    forms.set(`${what}, UTF-16`, Buffer.from(text, 'utf16le'));
    forms.set(`${what}, hex`, Buffer.from(Buffer.from(text).toString('hex')));
    forms.set(`${what}, upper-case hex`, Buffer.from(Buffer.from(text).toString('hex').toUpperCase()));
    forms.set(`${what}, URL-encoded`, Buffer.from(encodeURIComponent(text)));
    forms.set(`${what}, form-encoded`, Buffer.from(new URLSearchParams({ text }).toString().slice('text='.length)));
    forms.set(`${what}, JSON-escaped`, Buffer.from(JSON.stringify(text).slice(1, -1)));
    forms.set(`${what}, JSON-escaped twice`, Buffer.from(JSON.stringify(JSON.stringify(text)).slice(3, -3)));
    for (const offset of [0, 1, 2] as const) {
      for (const encoding of ['base64', 'base64url'] as const) {
        forms.set(
          `${what}, ${encoding} at offset ${offset}`,
          Buffer.from(base64Inside(Buffer.from(text), offset, encoding)),
        );
      }
    }
  }
  return forms;
}

/** Searches the bytes of each named place. */
export function findMarker(marker: string, places: ReadonlyMap<string, Uint8Array | string>): Leak[] {
  const forms = markerForms(marker);
  return [...places].flatMap(([place, content]) => {
    const bytes =
      typeof content === 'string'
        ? Buffer.from(content)
        : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    return [...forms].filter(([, form]) => bytes.includes(form)).map(([form]) => ({ place, form }));
  });
}

/** Every file below the folder, read whole. */
export function filesBelow(directory: string): Map<string, Buffer> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ parentPath, name }) => join(parentPath, name)).map((path) => [path, readFileSync(path)]));
}

/** Returns the characters of an encoding that depend only on the bytes, if they begin `offset` bytes into a group of three. */
function base64Inside(bytes: Buffer, offset: 0 | 1 | 2, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString(encoding)
    .replace(/=+$/, '');
  const mixedAtStart = [0, 2, 3][offset] ?? 0;
  const mixedAtEnd = (offset + bytes.length) % 3 === 0 ? 0 : 1;
  return text.slice(mixedAtStart, text.length - mixedAtEnd);
}
