// Closes what was opened.

export interface Closable {
  close(): Promise<void>;
}

/**
 * Closes every part and takes it from the list. What was opened last is closed first: a listener takes no more requests before anything that they
 * need goes. A part that fails keeps no other one open.
 * @throws what a part threw; of several the last.
 */
export async function closeAll(opened: Closable[]): Promise<void> {
  const part = opened.pop();
  if (part === undefined) return;
  try {
    await part.close();
  } finally {
    await closeAll(opened);
  }
}
