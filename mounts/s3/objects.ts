import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import { nameOf } from '../../src/core/path.js';
import type { Where } from './errors.js';
import type { S3Answer, S3Client } from './requests.js';

const MTIME = 'x-amz-meta-mtime';
/** What a copy that replaces the metadata must say again. */
const CARRIED = /^(content-(type|disposition|encoding|language)|cache-control|expires|x-amz-(meta-.*|storage-class))$/;

/** An object as HEAD and GET describe it. */
export interface Found {
  readonly entry: Entry;
  /** Headers that go with the content: type, disposition, metadata; the modification time is not among them. */
  readonly carried: Readonly<Record<string, string>>;
  /** Whether the modification time is kept in the metadata rather than the time of the upload. */
  readonly keepsTime: boolean;
}

/** What HEAD says of a key; undefined when it is not there, or nothing is. */
export async function find(client: S3Client, key: string, where: Where): Promise<Found | undefined> {
  try {
    return describe(await client.run({ method: 'HEAD', key }, where), where);
  } catch (error) {
    if (error instanceof VfsError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param size  of the whole object, where the answer is about a part of it */
export function describe(
  answer: S3Answer,
  where: Where,
  size = Number(answer.header('content-length') ?? Number.NaN),
): Found {
  const kept = parseTime(answer.header(MTIME));
  const modified = Date.parse(answer.header('last-modified') ?? '');
  const { etag } = answer;
  if (!Number.isSafeInteger(size) || etag === '' || Number.isNaN(modified)) {
    throw new VfsError('EIO', where.op, where.path, { detail: 'not the answer of an S3 service' });
  }
  const carried: Record<string, string> = {};
  for (const name of Object.keys(answer.headers)) {
    const value = answer.header(name);
    if (value !== undefined && name !== MTIME && CARRIED.test(name)) carried[name] = value;
  }
  const entry: Entry = { name: nameOf(where.path), kind: 'file', size, mtime: kept ?? modified, etag };
  return { entry, carried, keepsTime: kept !== undefined };
}

/** The header that keeps a modification time, in ms: seconds with a fraction, as rclone and s3fs write it. */
export function timeHeader(mtime: number): Record<string, string> {
  return { [MTIME]: (Math.round(mtime * 1000) / 1e6).toFixed(6).replace(/\.?0+$/, '') };
}

/** The time as it will be read again: whole microseconds. */
export function keptTime(mtime: number): number {
  return Math.round(mtime * 1000) / 1000;
}

function parseTime(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,12}(\.\d{1,12})?$/.test(text)) return undefined;
  return Math.round(Number(text) * 1e6) / 1000;
}
