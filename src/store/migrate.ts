import type { Connection } from './connection.js';
import type { Migration } from './migrations/index.js';
import { query } from './schema.js';
import { damaged, StoreError } from './store-error.js';

/** `isth` in ASCII: marks the file as ours (PRAGMA application_id). */
const APPLICATION_ID = 0x69737468;
/** Up to this size a check of every page costs less than 0.2 s, and is made at each start. */
const CHECKED_BYTES = 64 * 1024 * 1024;

/**
 * Brings a database to the newest schema, all steps in one transaction, and records the version in `user_version`.
 * @param file  for messages
 * @throws StoreError `newer` when a later release made it, `foreign` when another program did, `damaged`
 */
export function migrate(connection: Connection, file: string, steps: readonly Migration[]): void {
  check(connection, file);
  const version = Number(connection.pragma('user_version'));
  if (version > steps.length)
    throw new StoreError(
      'newer',
      `${file}: made by a newer isthmus (schema ${version}, this one knows ${steps.length}); run that release, or put back the backup from before the upgrade`,
    );
  if (version === steps.length) return;
  connection.transaction(() => {
    for (const step of steps.slice(version)) {
      for (const statement of step(query.schema)) connection.exec(statement.compile().sql);
    }
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`);
  });
}

function check(connection: Connection, file: string): void {
  const id = Number(connection.pragma('application_id'));
  const tables = connection.get<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema')?.n ?? 0;
  if (id !== APPLICATION_ID && (id !== 0 || tables > 0))
    throw new StoreError('foreign', `${file}: a database of another program; name another file under database:`);
  if (Number(connection.pragma('page_count')) * Number(connection.pragma('page_size')) > CHECKED_BYTES) return;
  const found = connection.pragma('quick_check(1)');
  if (found !== 'ok') throw damaged(file, String(found).replace(/\s+/g, ' '));
}
