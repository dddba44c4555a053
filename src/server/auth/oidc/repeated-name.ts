// Finds objects in JSON that name a member twice: two readers of one such token can see two different claims (RFC 7515 §5.2, RFC 8725 §2.4).

/** A text with the colon that makes it a name, or an object's beginning or end. Braces inside of texts are part of those. */
const parts = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/gs;

/** @param json valid JSON; of anything else the answer means nothing. */
export function hasRepeatedName(json: string): boolean {
  const objects: Set<unknown>[] = [];
  for (const [part, colon] of json.matchAll(parts)) {
    if (part === '{') objects.push(new Set());
    else if (part === '}') objects.pop();
    else if (colon !== undefined) {
      const names = objects.at(-1);
      // Two spellings of one name (`a`, `\u0061`) are the same.
      const name: unknown = JSON.parse(part.slice(0, -colon.length));
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
}
