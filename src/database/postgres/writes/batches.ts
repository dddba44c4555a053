// Sends texts in batches, each after the one before has ended, so that any number of them take one connection.

/** Maximum number of texts in a batch, of about 100 bytes each: changes of a second. Further ones are lost, as while the database is unavailable. */
const maxTexts = 5_000;

/**
 * Returns what sends one text: at once, or together with the others that come while a batch is on its way.
 * @param send sends a batch.
 */
export function inBatches(send: (texts: readonly string[]) => Promise<unknown>): (text: string) => Promise<unknown> {
  let last: Promise<unknown> = Promise.resolve();
  let next: { readonly texts: string[]; readonly sent: Promise<unknown> } | undefined;
  return (text) => {
    if (next === undefined) {
      const texts: string[] = [];
      const sent = last.then(() => {
        next = undefined;
        return send(texts);
      });
      last = sent.catch(() => undefined);
      next = { texts, sent };
    }
    if (next.texts.length < maxTexts) next.texts.push(text);
    return next.sent;
  };
}
