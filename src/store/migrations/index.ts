import type { Compilable, SchemaModule } from 'kysely';
import { first } from './0001-first.js';

/** One step of the schema: the statements that lead from the version before to this one. */
export type Migration = (schema: SchemaModule) => readonly Compilable[];

/** Every step in order; the version of a database is how many it has been through. A released step never changes. */
export function migrations(): readonly Migration[] {
  return [first];
}
