import { VfsError } from '../../src/core/errors.js';
import type { Where } from './errors.js';
import { type Found, timeHeader } from './objects.js';
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
 * Copies an object inside the bucket, onto itself too, with its metadata and `mtime`. A source that is not `found` any
 * more is EPRECONDITION.
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
  const { client } = tree;
  const { size, etag } = found.entry;
  const source = { 'x-amz-copy-source': client.copySource(from), 'x-amz-copy-source-if-match': `"${etag}"` };
  const metadata = { ...found.carried, ...timeHeader(mtime) };
  if (size <= limits.single) {
    const headers = { ...metadata, ...source, 'x-amz-metadata-directive': 'REPLACE' };
    const request = { method: 'PUT' as const, key: to, headers, patience: PATIENCE_MS };
    const done = await client.xml(request, 'CopyObjectResult', where);
    return { size, etag: etagOf(textOf(done, 'ETag'), where) };
  }
  const step = Math.max(limits.part, Math.ceil(size / MAX_PARTS));
  const plan = { conditions: tree.conditions({}), commit: <T>(publish: () => Promise<T>) => publish() };
  return multipart(client, to, metadata, plan, tree.log, where, async (id) => {
    const etags: string[] = [];
    const together = joint(where);
    await inParallel(Array(Math.ceil(size / step)).keys(), WIDTH, together, async (at) => {
      const range = `bytes=${at * step}-${Math.min(size, (at + 1) * step) - 1}`;
      const headers = { ...source, 'x-amz-copy-source-range': range };
      const query = { partNumber: `${at + 1}`, uploadId: id };
      const request = { method: 'PUT' as const, key: to, query, headers, patience: PATIENCE_MS };
      const done = await client.xml(request, 'CopyPartResult', together.where);
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
