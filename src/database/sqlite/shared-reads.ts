// Requests that came together are read in one transaction: to begin one and to ask what was committed costs as much as a lookup does.
// It begins after the turn of the event loop that reads them has found them waiting, so that none misses what was committed before it was sent.

import type Sqlite from 'better-sqlite3';

type Connection = InstanceType<typeof Sqlite>;

export interface SharedReads {
  /** From now to the end of this turn, what is read is of one moment, no earlier than this call if none is shared yet. For what comes while connections are read. */
  readonly share: () => void;
  /** What is read afterwards is of its own moment: for a commit, and for a request that may have come after the shared one. */
  readonly end: () => void;
  /** To be called before each read: begins what is shared. */
  hold(): void;
  /** As `PRAGMA data_version`, of the moment that is read. */
  version(): number;
}

/** @param connection the one that reads. */
export function createSharedReads(connection: Connection): SharedReads {
  const [begin, commit] = [connection.prepare('BEGIN'), connection.prepare('COMMIT')];
  const dataVersion = connection.prepare('PRAGMA data_version').pluck();
  let turn: NodeJS.Immediate | undefined;
  let isHeld = false;
  let known: number | undefined;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    known = undefined;
    // An error may have ended it, and so may the end of the connection.
    if (connection.open && connection.inTransaction) commit.run();
  };
  const end = (): void => {
    clearImmediate(turn);
    turn = undefined;
    release();
  };
  const hold = (): void => {
    if (turn === undefined || isHeld) return;
    begin.run();
    isHeld = true;
  };
  return {
    // Immediates run when every connection that had something was read, and before the kernel is asked for more.
    share: () => void (turn ??= setImmediate(end)),
    end,
    hold,
    version() {
      hold();
      if (!isHeld) return Number(dataVersion.get());
      return (known ??= Number(dataVersion.get()));
    },
  };
}
