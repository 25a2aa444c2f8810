import type { TestFn } from 'ava';
import type { ErrorCode } from '../../src/core/errors.js';
import { attributes } from './files/attributes.js';
import type { FileClient, FilesCase, FilesContext, FilesOptions, MakeClient } from './files/client.js';
import { content } from './files/content.js';
import { names } from './files/names.js';
import { sharing } from './files/sharing.js';

export type {
  ClientFile,
  ClientStat,
  Feature,
  FileClient,
  FilesOptions,
  MadeClient,
  MakeClient,
  OpenMode,
} from './files/client.js';

/** Every case, in the order in which it runs. Names are unique; exceptions refer to them. */
export const filesCases: readonly FilesCase[] = [...content, ...sharing, ...names, ...attributes];

/**
 * Registers what everyone owes who works on files through handles: a View, the kernel mount, an SFTP client.
 *
 * @param make  gives a client on an empty folder; called once for each case
 */
export function filesSuite(test: TestFn, make: MakeClient, options: FilesOptions): void {
  const exceptions = new Map((options.exceptions ?? []).map((exception) => [exception.case, exception.reason]));
  for (const name of exceptions.keys()) {
    if (!filesCases.some((one) => one.name === name)) throw new Error(`no case of the files suite is named: ${name}`);
  }
  const prefix = options.prefix === undefined ? '' : `${options.prefix}: `;
  for (const one of filesCases) {
    if ((one.needs ?? []).some((feature) => !options.features.includes(feature))) continue;
    const reason = exceptions.get(one.name);
    const title = `${prefix}${one.name}${reason === undefined ? '' : ` [exception: ${reason}]`}`;
    test.serial(title, async (t) => {
      t.timeout(options.timeout ?? 120_000);
      const { client, cleanup } = await make(t);
      try {
        if (reason === undefined) {
          await one.run(context(t, client, options));
          return;
        }
        const attempt = await t.try((inner) => one.run(context(inner, client, options)));
        attempt.discard();
        t.false(attempt.passed, 'this exception is not needed any more: remove it');
      } finally {
        await cleanup();
      }
    });
  }
}

function context(t: FilesContext['t'], client: FileClient, options: FilesOptions): FilesContext {
  const same = options.same ?? ((error, expected) => codeOf(error) === expected);
  return {
    t,
    client,
    timeStep: options.timeStep ?? 0.001,
    async put(path, bytes) {
      const data = Buffer.from(bytes);
      const file = await client.open(path, { write: true, create: true, truncate: true });
      try {
        for (let at = 0; at < data.length; at += 1 << 20) await file.write(at, data.subarray(at, at + (1 << 20)));
      } finally {
        await file.close();
      }
    },
    async get(path) {
      const file = await client.open(path, { read: true });
      try {
        const pieces: Buffer[] = [];
        for (let at = 0; ; ) {
          const piece = await file.read(at, 1 << 20);
          if (piece.length === 0) return Buffer.concat(pieces);
          pieces.push(piece);
          at += piece.length;
        }
      } finally {
        await file.close();
      }
    },
    async fails(act, ...codes: readonly ErrorCode[]) {
      try {
        await act;
      } catch (error) {
        t.true(
          codes.some((code) => same(error, code)),
          `expected ${codes.join(' or ')}, got ${codeOf(error) ?? String(error)}`,
        );
        return;
      }
      t.fail(`expected ${codes.join(' or ')}, but it succeeded`);
    },
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
