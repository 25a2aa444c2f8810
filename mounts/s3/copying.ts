import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Where } from './errors.js';
import { type Found, find, timeHeader } from './objects.js';
import { inParallel, joint } from './parallel.js';
import { MAX_PARTS } from './parts.js';
import { unquote } from './requests.js';
import type { Tree } from './tree.js';
import { multipart, PATIENCE_MS, type Uploaded } from './upload.js';
import { textOf } from './xml.js';

const MIB = 1024 * 1024;

/** How the storage copies (Amazon S3 API reference, CopyObject: up to 5 GiB at once). */
export interface CopyLimits {
  /** The largest object that is copied in one request; larger ones are copied in parts. */
  readonly single: number;
  /** Bytes of a part. */
  readonly part: number;
}
export const COPY_LIMITS: CopyLimits = { single: 5 * 1024 * MIB, part: 512 * MIB };
const WIDTH = 4;

/**
 * Copies an object inside the bucket, onto itself too, with its metadata and `mtime`. A source that is not what was
 * `found` any more is EPRECONDITION.
 */
export async function copyObject(
  tree: Tree,
  from: string,
  to: string,
  found: Found,
  mtime: number,
  limits: CopyLimits,
  where: Where,
): Promise<Uploaded> {
  const { size, etag } = found.entry;
  const unchanged = async () => (await find(tree.client, from, where))?.entry.etag === etag;
  const source = { 'x-amz-copy-source': tree.client.copySource(from) };
  const metadata = { ...found.carried, ...timeHeader(mtime) };
  const copy = (headers: Source, still: () => Promise<boolean>) =>
    size <= limits.single
      ? copyWhole(tree, to, { ...metadata, ...headers }, size, where)
      : copyParts(tree, to, metadata, headers, size, limits.part, still, where);
  try {
    return await copy({ ...source, 'x-amz-copy-source-if-match': `"${etag}"` }, async () => true);
  } catch (error) {
    // Swift 2.30 compares another tag than the one it shows, for what was uploaded in parts: then we look ourselves.
    if (!isVfsError(error, 'EPRECONDITION') || !(await unchanged())) throw error;
    return copy(source, unchanged);
  }
}

type Source = Readonly<Record<string, string>>;

async function copyWhole(tree: Tree, to: string, headers: Source, size: number, where: Where): Promise<Uploaded> {
  const request = {
    method: 'PUT' as const,
    key: to,
    headers: { ...headers, 'x-amz-metadata-directive': 'REPLACE' },
    patience: PATIENCE_MS,
  };
  const done = await tree.client.xml(request, 'CopyObjectResult', where);
  return { size, etag: etagOf(textOf(done, 'ETag'), where) };
}

/** @param still  whether the source is unchanged: asked when all parts are copied, so that they are of one content */
async function copyParts(
  tree: Tree,
  to: string,
  metadata: Source,
  source: Source,
  size: number,
  part: number,
  still: () => Promise<boolean>,
  where: Where,
): Promise<Uploaded> {
  const step = Math.max(part, Math.ceil(size / MAX_PARTS));
  const plan = {
    conditions: tree.conditions({}),
    commit: async <T>(publish: () => Promise<T>) => {
      if (await still()) return publish();
      throw new VfsError('EPRECONDITION', where.op, where.path, { detail: 'the source has changed' });
    },
  };
  return multipart(tree.client, to, metadata, plan, tree.log, where, async (id) => {
    const etags: string[] = [];
    const together = joint(where);
    await inParallel(Array(Math.ceil(size / step)).keys(), WIDTH, together, async (at) => {
      const range = `bytes=${at * step}-${Math.min(size, (at + 1) * step) - 1}`;
      const headers = { ...source, 'x-amz-copy-source-range': range };
      const query = { partNumber: `${at + 1}`, uploadId: id };
      const request = { method: 'PUT' as const, key: to, query, headers, patience: PATIENCE_MS };
      const done = await tree.client.xml(request, 'CopyPartResult', together.where);
      etags[at] = etagOf(textOf(done, 'ETag'), where);
    });
    return { etags, size };
  });
}

function etagOf(text: string | undefined, where: Where): string {
  const etag = unquote(text ?? '');
  if (etag === '') throw new VfsError('EIO', where.op, where.path, { detail: 'a copy without an entity tag' });
  return etag;
}
