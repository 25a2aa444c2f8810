import type { GenericSchema, InferOutput } from 'valibot';
import type { Call } from '../core/bytes.js';

/** A command of the admin socket. */
export interface Handler {
  /** What its input must look like. */
  readonly input: GenericSchema;
  /** @param input  checked  @returns what becomes JSON; undefined becomes `{}` */
  run(input: unknown, call: Call): Promise<unknown>;
}

/** Ties a command to the shape of its input. */
export function handler<S extends GenericSchema>(
  input: S,
  run: (input: InferOutput<S>, call: Call) => unknown,
): Handler {
  return { input, run: async (checked, call) => run(checked as InferOutput<S>, call) };
}
