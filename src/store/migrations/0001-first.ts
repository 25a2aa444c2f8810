import type { Compilable, SchemaModule } from 'kysely';
import { sql } from 'kysely';

/** The tables of the first release. */
export function first(schema: SchemaModule): readonly Compilable[] {
  return [
    schema
      .createTable('users')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('password', 'text')
      .addColumn('admin', 'integer', (c) => c.notNull())
      .addColumn('disabled', 'integer', (c) => c.notNull())
      .addColumn('displayName', 'text')
      .addColumn('created', 'integer', (c) => c.notNull())
      .modifyEnd(sql`strict, without rowid`),
    // `Admin` beside `admin` would only serve to deceive.
    schema.createIndex('usersByLowerName').unique().on('users').expression(sql`lower(name)`),
    schema
      .createTable('memberships')
      .addColumn('user', 'text', (c) => c.notNull().references('users.name').onDelete('cascade'))
      .addColumn('group', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('membershipsKey', ['user', 'group'])
      .modifyEnd(sql`strict, without rowid`),
    schema
      .createTable('sshKeys')
      .addColumn('user', 'text', (c) => c.notNull().references('users.name').onDelete('cascade'))
      .addColumn('fingerprint', 'text', (c) => c.notNull())
      .addColumn('key', 'text', (c) => c.notNull())
      .addColumn('comment', 'text', (c) => c.notNull())
      .addColumn('created', 'integer', (c) => c.notNull())
      .addPrimaryKeyConstraint('sshKeysKey', ['user', 'fingerprint'])
      .modifyEnd(sql`strict, without rowid`),
    schema
      .createTable('locks')
      .addColumn('token', 'text', (c) => c.primaryKey())
      .addColumn('space', 'text', (c) => c.notNull())
      .addColumn('path', 'text', (c) => c.notNull())
      .addColumn('scope', 'text', (c) => c.notNull())
      .addColumn('deep', 'integer', (c) => c.notNull())
      .addColumn('holder', 'text', (c) => c.notNull())
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('expires', 'integer', (c) => c.notNull())
      .modifyEnd(sql`strict, without rowid`),
    schema
      .createTable('properties')
      .addColumn('space', 'text', (c) => c.notNull())
      .addColumn('path', 'text', (c) => c.notNull())
      .addColumn('parent', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('propertiesKey', ['space', 'path', 'name'])
      .modifyEnd(sql`strict, without rowid`),
    schema.createIndex('propertiesByParent').on('properties').columns(['space', 'parent']),
    schema
      .createTable('settings')
      .addColumn('key', 'text', (c) => c.primaryKey())
      .addColumn('value', 'text', (c) => c.notNull())
      .modifyEnd(sql`strict, without rowid`),
    schema
      .createTable('credentials')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('sealed', 'blob', (c) => c.notNull())
      .addColumn('changed', 'integer', (c) => c.notNull())
      .modifyEnd(sql`strict, without rowid`),
  ];
}
