import { type GenericSchema, getDescription, getMetadata } from 'valibot';

/*
 * Looking into valibot schemas, as plain data: which keys a map has, what an option is for. Needed because a strict
 * object names only the first unknown key, and because drivers bring schemas that we did not write.
 */

interface Shape {
  readonly type: string;
  readonly wrapped?: Shape;
  readonly item?: Shape;
  readonly entries?: Readonly<Record<string, Shape>>;
}

/** Takes off `optional`, `nullable` and the like. */
function inner(schema: Shape): Shape {
  return schema.wrapped === undefined ? schema : inner(schema.wrapped);
}

/** A schema and what it wraps: a description may stand on either side of `optional`. */
function layersOf(schema: Shape): GenericSchema[] {
  const rest = schema.wrapped === undefined ? [] : layersOf(schema.wrapped);
  return [schema as unknown as GenericSchema, ...rest];
}

const asShape = (schema: GenericSchema) => schema as unknown as Shape;

/** The schema of one key below `schema`; undefined when there is none. */
function child(schema: Shape, step: string | number): Shape | undefined {
  const shape = inner(schema);
  if (typeof step === 'number') return shape.item;
  return shape.entries !== undefined && Object.hasOwn(shape.entries, step) ? shape.entries[step] : undefined;
}

/** The help of the option at `path`. */
export function helpAt(schema: GenericSchema, path: readonly (string | number)[]): string | undefined {
  let at: Shape | undefined = asShape(schema);
  for (const step of path) at = at && child(at, step);
  return (
    at &&
    layersOf(at)
      .map(getDescription)
      .find((text) => text !== undefined)
  );
}

/** Keys of `data` that `schema` does not have, each with the keys it has there. */
export function* unknownKeys(
  schema: GenericSchema,
  data: unknown,
): Generator<{ readonly path: readonly (string | number)[]; readonly known: readonly string[] }> {
  yield* walk(asShape(schema), data, []);
}

function* walk(
  schema: Shape,
  data: unknown,
  path: readonly (string | number)[],
): Generator<{ readonly path: readonly (string | number)[]; readonly known: readonly string[] }> {
  const { entries, item, type } = inner(schema);
  if (Array.isArray(data) && item !== undefined) {
    for (const [index, value] of data.entries()) yield* walk(item, value, [...path, index]);
  } else if (typeof data === 'object' && data !== null && !Array.isArray(data) && entries !== undefined) {
    for (const [key, value] of Object.entries(data)) {
      const below = child(schema, key);
      if (below !== undefined) yield* walk(below, value, [...path, key]);
      else if (type !== 'loose_object') yield { path: [...path, key], known: Object.keys(entries) };
    }
  }
}

/** Whether a map has this key. */
export function hasKey(schema: GenericSchema, key: string): boolean {
  return child(asShape(schema), key) !== undefined;
}

/** Names of the options of a driver that hold a path of this host: those whose metadata say `hostPath: true`. */
export function hostPathKeys(schema: GenericSchema): readonly string[] {
  return Object.entries(inner(asShape(schema)).entries ?? {})
    .filter(([, entry]) => layersOf(entry).some((layer) => getMetadata(layer).hostPath === true))
    .map(([key]) => key);
}
