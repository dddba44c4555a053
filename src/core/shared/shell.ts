// Quotes texts for command lines that a message offers to paste.

/** Returns a text as one word of a POSIX shell, quoted so that a pasted line runs nothing that an upstream, a file, or a caller chose. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,-][\w./:@%+,~=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
