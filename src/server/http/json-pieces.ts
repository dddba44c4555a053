// Serializes large values in pieces, each of which is short, with the same text as `JSON.stringify`.
// Written by hand: libraries serialize in pieces either asynchronously for each value, or with another text.

/** Yields the JSON of plain data, whose objects have no `toJSON` unless their members are all scalars. */
export function* jsonPieces(value: unknown): Generator<string, void> {
  if (Array.isArray(value)) yield* arrayPieces(value);
  else if (hasParts(value)) yield* objectPieces(value);
  else yield JSON.stringify(value) ?? 'null';
}

function* arrayPieces(entries: readonly unknown[]): Generator<string, void> {
  let separator = '[';
  for (const entry of entries) {
    yield separator;
    yield* jsonPieces(entry);
    separator = ',';
  }
  yield entries.length === 0 ? '[]' : ']';
}

function* objectPieces(value: object): Generator<string, void> {
  let separator = '{';
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    yield* jsonPieces(member);
    separator = ',';
  }
  yield '}';
}

/** Whether an object has objects or lists among its members; without any it is serialized at once. */
function hasParts(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).some((member) => typeof member === 'object' && member !== null)
  );
}
