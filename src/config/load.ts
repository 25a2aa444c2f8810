import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { checkDrivers, type DriverOptions } from './check-drivers.js';
import { checkFolders } from './check-folders.js';
import { checkValue } from './check-value.js';
import { checkWhole } from './check-whole.js';
import type { Config } from './config.js';
import { ConfigDocument, MAX_BYTES } from './document.js';
import { ConfigError } from './problem.js';
import { readFiles } from './read-files.js';
import { resolveConfig } from './resolve.js';
import { configSchema, NOT_YET } from './schema.js';

export const EMBEDDED = 'embedded defaults';

export interface LoadOptions {
  /** The value of `--config`. */
  readonly file?: string | undefined;
  /** Every kind of storage there is: mounts/index.ts. Absent: what storages say is not looked at, and the
   *  configuration is good for finding the daemon only. */
  readonly kinds?: readonly DriverOptions[] | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
}

/**
 * Finds, reads and checks the configuration: `--config`, else `$ISTHMUS_CONFIG`, else `./isthmus.yaml`, else
 * `/etc/isthmus/isthmus.yaml`, else embedded defaults. A file that was asked for must be there.
 * @throws ConfigError with every problem at once
 */
export function loadConfig({ file, kinds, env = process.env, cwd = process.cwd() }: LoadOptions): Config {
  const asked = file ?? (env.ISTHMUS_CONFIG || undefined);
  const candidates = asked === undefined ? ['./isthmus.yaml', '/etc/isthmus/isthmus.yaml'] : [asked];
  for (const candidate of candidates) {
    const source = read(candidate, cwd, asked !== undefined);
    if (source === undefined) continue;
    return parseConfig(source, { file: candidate, folder: dirname(resolve(cwd, candidate)), kinds, env });
  }
  return parseConfig('', { file: EMBEDDED, folder: cwd, kinds, env });
}

export interface ParseOptions {
  /** As messages name it. */
  readonly file: string;
  /** What relative paths are relative to. */
  readonly folder: string;
  readonly kinds?: readonly DriverOptions[] | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Checks a configuration that was read.
 * @throws ConfigError with every problem at once
 */
export function parseConfig(source: string, { file, folder, kinds, env }: ParseOptions): Config {
  const document = new ConfigDocument(file, source, env);
  if (document.hasSyntaxErrors) throw new ConfigError(sorted(document));
  const checked = checkValue(document, configSchema, [], NOT_YET);
  const options = kinds === undefined ? new Map<string, unknown>() : checkDrivers(document, kinds);
  const files = readFiles(document, folder);
  checkWhole(document, files);
  checkFolders(document, folder, kinds ?? []);
  if (checked === undefined || document.problems.length > 0) throw new ConfigError(sorted(document));
  return resolveConfig({ source: file, folder, checked, files, options, kinds: kinds ?? [] });
}

function sorted({ problems }: ConfigDocument) {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; name another with --config, or leave it out for the defaults',
  EACCES: 'may not be read by this account; change its owner or mode',
  EISDIR: 'is a folder; name a file',
};

function read(file: string, cwd: string, asked: boolean): string | undefined {
  const fail = (message: string) => new ConfigError([{ file, key: '', message }]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(cwd, file));
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException;
    if (!asked && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw fail(REASONS[code] ?? `cannot be read (${code})`);
  }
  if (bytes.length > MAX_BYTES) throw fail('is larger than 1 MiB; it cannot be a configuration');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw fail('is not UTF-8 text; save it as UTF-8');
  }
}
