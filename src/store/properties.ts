import type { Connection, Statement } from './connection.js';
import { subtree } from './subtree.js';
import type { PropertyTable } from './tables.js';
import type { Writer } from './writer.js';

/** Where rows stay during a move, so that source and target may overlap. No real space is named so. */
const BETWEEN = 'moving';
const WITHIN = '(path = ? OR (path >= ? AND path < ?))';

/** `properties`: one row for each dead WebDAV property of a file or folder. */
export class SqlProperties implements PropertyTable {
  readonly #reader: Connection;
  readonly #writer: Writer;
  #any: boolean;
  #underway = 0;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
    this.#any = this.#exists();
  }

  get any(): boolean {
    return this.#any;
  }

  of(space: string, path: string): ReadonlyMap<string, string> {
    if (!this.#any) return new Map();
    const rows = this.#reader.all<{ name: string; value: string }>(
      'SELECT name, value FROM properties WHERE space = ? AND path = ?',
      [space, path],
    );
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  below(space: string, path: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
    const found = new Map<string, Map<string, string>>();
    if (!this.#any) return found;
    const rows = this.#reader.all<{ path: string; name: string; value: string }>(
      'SELECT path, name, value FROM properties WHERE space = ? AND parent = ?',
      [space, path],
    );
    for (const row of rows) {
      const known = found.get(row.path);
      if (known === undefined) found.set(row.path, new Map([[row.name, row.value]]));
      else known.set(row.name, row.value);
    }
    return found;
  }

  async change(
    space: string,
    path: string,
    set: ReadonlyMap<string, string>,
    remove: ReadonlySet<string>,
  ): Promise<void> {
    const job: Statement[] = [];
    for (const name of remove) {
      job.push({
        sql: 'DELETE FROM properties WHERE space = ? AND path = ? AND name = ?',
        parameters: [space, path, name],
      });
    }
    for (const [name, value] of set) {
      job.push({
        sql: `INSERT INTO properties (space, path, parent, name, value) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (space, path, name) DO UPDATE SET value = excluded.value`,
        parameters: [space, path, parentOf(path), name, value],
      });
    }
    await this.#change('properties', job, set.size > 0);
  }

  async move(space: string, from: string, toSpace: string, to: string): Promise<void> {
    if (space === toSpace && from === to) return;
    const source = subtree(from);
    const leave: Statement = {
      sql: `UPDATE properties SET space = ? WHERE space = ? AND ${WITHIN}`,
      parameters: [BETWEEN, space, source.at, source.from, source.to],
    };
    await this.#change('move properties', [leave, erase(toSpace, to), arrive(from, toSpace, to)]);
  }

  async copy(space: string, from: string, toSpace: string, to: string): Promise<void> {
    if (space === toSpace && from === to) return;
    const source = subtree(from);
    const leave: Statement = {
      sql: `INSERT INTO properties (space, path, parent, name, value)
        SELECT ?, path, parent, name, value FROM properties WHERE space = ? AND ${WITHIN}`,
      parameters: [BETWEEN, space, source.at, source.from, source.to],
    };
    await this.#change('copy properties', [leave, erase(toSpace, to), arrive(from, toSpace, to)]);
  }

  async removeTree(space: string, path: string): Promise<void> {
    await this.#change('remove properties', [erase(space, path)]);
  }

  /** Writes nothing while no row is stored: that spares most nodes a commit for every rename and delete. */
  async #change(op: string, job: readonly Statement[], adds = false): Promise<void> {
    // Before the commit already: what is called after us must not take our row for absent.
    if (adds) this.#any = true;
    if (!this.#any || job.length === 0) return;
    this.#underway += 1;
    try {
      await this.#writer.write(op, ...job);
    } finally {
      this.#underway -= 1;
      if (this.#underway === 0) this.#any = this.#exists();
    }
  }

  #exists(): boolean {
    return this.#reader.get('SELECT 1 FROM properties LIMIT 1') !== undefined;
  }
}

function erase(space: string, path: string): Statement {
  const { at, from, to } = subtree(path);
  return { sql: `DELETE FROM properties WHERE space = ? AND ${WITHIN}`, parameters: [space, at, from, to] };
}

/** Lengths are taken by SQLite itself: it counts code points where JavaScript counts UTF-16 units. */
function arrive(from: string, space: string, to: string): Statement {
  const [source, target] = [from === '/' ? '' : from, to === '/' ? '' : to];
  return {
    sql: `UPDATE properties SET space = ?,
        path = CASE WHEN path = ? THEN ? ELSE ? || substr(path, length(?) + 1) END,
        parent = CASE WHEN path = ? THEN ? WHEN parent = ? THEN ? ELSE ? || substr(parent, length(?) + 1) END
      WHERE space = ?`,
    parameters: [space, from, to, target, source, from, parentOf(to), from, to, target, source, BETWEEN],
  };
}

/** The folder above; empty for the root, so that the root is nobody's child. */
function parentOf(path: string): string {
  if (path === '/') return '';
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
