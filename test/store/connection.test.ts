import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Connection } from '../../src/store/connection.js';
import { type EngineName, loadEngine } from '../../src/store/engine.js';
import { codeOf } from '../../src/store/store-error.js';
import { tempFolder } from '../support/temp.js';

const ENGINES: readonly EngineName[] = ['better-sqlite3', 'libsql'];

for (const name of ENGINES) {
  const engine = loadEngine(name);
  const writable = { readOnly: false, busyTimeout: 100 };

  test(`${name}: values come back as they went in`, async (t) => {
    const file = join(await tempFolder(t), 'x.db');
    const db = new Connection(engine, file, writable);
    t.teardown(() => db.close());
    t.is(statSync(file).mode & 0o777, 0o600);
    db.exec('CREATE TABLE v (i INTEGER, r REAL, s TEXT, b BLOB) STRICT');
    const insert = 'INSERT INTO v (i, r, s, b) VALUES (?, ?, ?, ?)';
    t.is(db.run(insert, [1_900_000_000_123, 1.5, 'é😀\u0001', Buffer.from([0, 255])]), 1);
    t.is(db.run(insert, [true, null, undefined, new Uint8Array([7]).subarray(0)]), 1);
    t.deepEqual(db.all('SELECT i, r, s, b FROM v'), [
      { i: 1_900_000_000_123, r: 1.5, s: 'é😀\u0001', b: Buffer.from([0, 255]) },
      { i: 1, r: null, s: null, b: Buffer.from([7]) },
    ]);
    t.is(db.run('INSERT INTO v (b) VALUES (?)', [Buffer.from('alone')]), 1);
    t.deepEqual(db.get('SELECT i FROM v WHERE i = ?', [1]), { i: 1 });
    t.is(db.get('SELECT i FROM v WHERE i = ?', [2]), undefined);
    t.is(db.pragma('user_version'), 0);
  });

  test(`${name}: a failing transaction leaves nothing, codes are SQLite's`, async (t) => {
    const db = new Connection(engine, join(await tempFolder(t), 'x.db'), writable);
    t.teardown(() => db.close());
    db.exec('CREATE TABLE k (a TEXT PRIMARY KEY) STRICT');
    const failure = t.throws(() =>
      db.transaction(() => {
        db.run('INSERT INTO k VALUES (?)', ['x']);
        db.run('INSERT INTO k VALUES (?)', ['x']);
      }),
    );
    t.is(codeOf(failure), 'SQLITE_CONSTRAINT_PRIMARYKEY');
    t.false(db.inTransaction);
    t.deepEqual(db.all('SELECT * FROM k'), []);
    t.is(
      db.transaction(() => db.run('INSERT INTO k VALUES (?)', ['y'])),
      1,
    );
    t.throws(() => db.all('SELEC'), { message: /syntax error/ });
    t.throws(() => db.run('INSERT INTO k VALUES (?)', [Buffer.from('a blob in a text column')]));
  });

  test(`${name}: a read-only connection sees each commit at once and writes nothing`, async (t) => {
    const file = join(await tempFolder(t), 'x.db');
    const writer = new Connection(engine, file, writable);
    writer.pragma('journal_mode = WAL');
    writer.exec('CREATE TABLE n (i INTEGER) STRICT');
    const reader = new Connection(engine, file, { readOnly: true, busyTimeout: 100 });
    t.teardown(() => {
      reader.close();
      writer.close();
    });
    for (let i = 1; i <= 300; i += 1) {
      writer.run('INSERT INTO n VALUES (?)', [i]);
      // A statement that is not reset after its last row would go on showing an old snapshot.
      t.is(reader.get<{ i: number }>('SELECT i FROM n ORDER BY i DESC')?.i, i);
    }
    t.is(codeOf(t.throws(() => reader.run('INSERT INTO n VALUES (?)', [0]))), 'SQLITE_READONLY');
    t.is(writer.get<{ n: number }>('SELECT count(*) AS n FROM n')?.n, 300);
    const missing = join(file, '..', 'missing.db');
    t.throws(() => new Connection(engine, missing, { readOnly: true, busyTimeout: 0 }), { code: 'ENOENT' });
  });

  test(`${name}: a second writer is told to wait, a file of anything else is refused`, async (t) => {
    const folder = await tempFolder(t);
    const file = join(folder, 'x.db');
    const one = new Connection(engine, file, { readOnly: false, busyTimeout: 0 });
    const two = new Connection(engine, file, { readOnly: false, busyTimeout: 0 });
    t.teardown(() => {
      one.close();
      two.close();
    });
    one.exec('BEGIN EXCLUSIVE');
    t.is(codeOf(t.throws(() => two.exec('BEGIN EXCLUSIVE'))), 'SQLITE_BUSY');
    const text = join(folder, 'text.db');
    writeFileSync(text, 'no database '.repeat(1000));
    const bad = new Connection(engine, text, writable);
    t.is(codeOf(t.throws(() => bad.pragma('journal_mode = WAL'))), 'SQLITE_NOTADB');
    bad.close();
  });
}
