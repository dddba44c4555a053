// Cursors: an opaque text that holds a place in one order. Opaque to callers, cheap to make, checked when it comes back.

import type { Position, RegistryOrderField } from '../ports.ts';
import { Problem } from '../shared/problem.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';

/** The value that a registry is ordered by. */
export function orderValue(field: RegistryOrderField, registry: Registry): string | number {
  switch (field) {
    case 'REGISTRY':
      return registry.registry;
    case 'NAME':
      return registry.name;
    case 'CREATED_AT':
      return registry.createdAt.getTime();
    case 'UPDATED_AT':
      return registry.updatedAt.getTime();
  }
}

/** The cursor of a place in the order by `field`. */
export function encodeCursor(field: RegistryOrderField, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([field, value, id])).toString('base64url');
}

/**
 * The place that a cursor holds; null for no cursor.
 * @throws Problem `INVALID_INPUT` when it is not ours or belongs to another order.
 */
export function decodeCursor(field: RegistryOrderField, cursor: string | null, argument: string): Position | null {
  if (cursor === null) return null;
  const [order, value, id] = parseParts(cursor);
  const fits = field === 'CREATED_AT' || field === 'UPDATED_AT' ? Number.isSafeInteger(value) : isStorableText(value);
  if (order === field && fits && typeof id === 'string' && isRegistryId(id)) return { value: value as string | number, id };
  throw new Problem('INVALID_INPUT', `${argument} is not a cursor of this list in this order; start again without it.`, { field: [argument] });
}

/** PostgreSQL holds neither NUL nor half a character. */
function isStorableText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}

function parseParts(cursor: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
