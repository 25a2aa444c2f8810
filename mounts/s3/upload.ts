import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bytes } from '../../src/core/bytes.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { toVfsError, type Where } from './errors.js';
import { find } from './objects.js';
import { inParallel, joint } from './parallel.js';
import { MAX_FILE, type Part, partsOf, planParts } from './parts.js';
import { type S3Answer, type S3Client, unquote } from './requests.js';
import { escapeXml, textOf } from './xml.js';

const WIDTH = 3;
/** Larger parts than this many bytes together are sent fewer at a time. */
const MEMORY = 256 * 1024 * 1024;
const ATTEMPTS = 3;
const ABORT_MS = 5000;
/** Putting ten thousand parts together takes Amazon minutes. */
export const PATIENCE_MS = 5 * 60_000;

export interface Upload {
  readonly key: string;
  /** Content type and metadata. */
  readonly headers: Readonly<Record<string, string>>;
  readonly partSize: number;
  readonly size: number | undefined;
  readonly conditions: Conditions;
  /** What must hold before anything is sent; it is looked at while the first part comes in. */
  readonly allowed: Promise<unknown>;
  /** Called when all bytes are there to run the request that makes them visible; what it throws ends the upload. */
  commit<T>(publish: () => Promise<T>): Promise<T>;
}

/** What makes a write conditional. */
export interface Conditions {
  /** Headers, for servers that know them; empty for a write without conditions, or where they are not known. */
  headers(): Readonly<Record<string, string>>;
  /** Called when the server refuses the headers; from then on there are none. */
  refused(): void;
}

export interface Uploaded {
  readonly size: number;
  readonly etag: string;
}

/**
 * Puts a body under a key, visible when whole: in one request when it ends within its first part, in parallel parts
 * otherwise. Holds at most four parts in memory: three on their way and one that fills. A part that fails for want of the server is sent again, twice,
 * because nobody above us has its bytes any more.
 */
export async function upload(
  client: S3Client,
  body: Bytes,
  plan: Upload,
  log: Logger,
  where: Where,
): Promise<Uploaded> {
  if ((plan.size ?? 0) > MAX_FILE) throw new VfsError('EFBIG', where.op, where.path);
  const together = joint(where);
  const spare: Buffer[] = [];
  const sizeOf = planParts(plan.partSize, plan.size);
  const parts = partsOf(body, sizeOf, plan.size, spare, together.where);
  try {
    const first = await parts.next();
    if (first.done) throw new VfsError('EIO', where.op, where.path, { detail: 'a body without a part' });
    await plan.allowed;
    if (first.value.last) return await putWhole(client, plan, first.value, where);
    const width = Math.max(1, Math.min(WIDTH, Math.floor(MEMORY / sizeOf(1))));
    return await multipart(client, plan.key, plan.headers, plan, log, where, async (id) => {
      const etags: string[] = [];
      let size = 0;
      await inParallel(startingWith(first.value, parts), width, together, async (part) => {
        etags[part.number - 1] = await putPart(client, plan.key, id, part, together.where);
        size += part.bytes.length;
        spare.push(part.bytes);
      });
      return { etags, size };
    });
  } catch (error) {
    throw toVfsError(error, where);
  } finally {
    await parts.return();
  }
}

async function putWhole(client: S3Client, plan: Upload, part: Part, where: Where): Promise<Uploaded> {
  const { key } = plan;
  const { bytes: body, sha256: bodyHash } = part;
  const send = (conditions: Readonly<Record<string, string>>) => {
    const headers = { ...plan.headers, ...conditions };
    const put = () => client.run({ method: 'PUT', key, headers, body, bodyHash }, where);
    // A conditional put that succeeded but whose answer was lost would refuse itself the second time.
    return Object.keys(conditions).length === 0 ? persist(put, where) : put();
  };
  const answer = await plan.commit(() => conditionally(plan.conditions, send));
  return { size: body.length, etag: etagOf(answer, where) };
}

/** Sends with the conditions, and without them when the server does not know them (501 at Swift). */
export async function conditionally<T>(
  conditions: Conditions,
  send: (headers: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const headers = conditions.headers();
  try {
    return await send(headers);
  } catch (error) {
    if (Object.keys(headers).length === 0 || !isVfsError(error, 'ENOTSUP')) throw error;
    conditions.refused();
    return send({});
  }
}

async function putPart(client: S3Client, key: string, id: string, part: Part, where: Where): Promise<string> {
  const query = { partNumber: `${part.number}`, uploadId: id };
  const { bytes: body, sha256: bodyHash } = part;
  return etagOf(await persist(() => client.run({ method: 'PUT', key, query, body, bodyHash }, where), where), where);
}

/** What was taken has an entity tag; what answers without one is no S3 service. */
function etagOf(answer: S3Answer, { op, path }: Where): string {
  if (answer.etag === '') throw new VfsError('EIO', op, path, { detail: 'an upload without an entity tag' });
  return answer.etag;
}

/** Sends again what the server could not take just now. */
async function persist<T>(send: () => Promise<T>, where: Where): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === ATTEMPTS || !isVfsError(error, 'EUNAVAILABLE', 'ETIMEDOUT')) throw error;
      await sleep(100 * 3 ** attempt * (0.5 + Math.random()), undefined, where.signal && { signal: where.signal });
    }
  }
}

/**
 * One multipart upload from its beginning to its verified end, or given up at the server whatever went wrong.
 * @param send  sends the parts and returns their entity tags, in order, and their size together
 */
export async function multipart(
  client: S3Client,
  key: string,
  headers: Readonly<Record<string, string>>,
  plan: Pick<Upload, 'commit' | 'conditions'>,
  log: Logger,
  where: Where,
  send: (id: string) => Promise<{ etags: readonly string[]; size: number }>,
): Promise<Uploaded> {
  const root = 'InitiateMultipartUploadResult';
  const begun = await client.xml({ method: 'POST', key, query: { uploads: '' }, headers }, root, where);
  const id = textOf(begun, 'UploadId');
  if (id === undefined || id === '') throw new VfsError('EIO', where.op, where.path, { detail: 'no upload id' });
  try {
    const { etags, size } = await send(id);
    const publish = (conditions: Readonly<Record<string, string>>) =>
      complete(client, key, id, etags, conditions, where);
    const etag = await plan.commit(() => conditionally(plan.conditions, publish));
    const found = await find(client, key, where);
    // Another entity tag than ours is somebody else's newer content.
    if (etag !== '' && found?.entry.etag !== etag) return { size, etag };
    if (found?.entry.size !== size) {
      throw new VfsError('EIO', where.op, where.path, { detail: 'the upload is not what was sent' });
    }
    return { size, etag: found.entry.etag };
  } catch (error) {
    await abort(client, key, id, log, where);
    throw toVfsError(error, where);
  }
}

async function complete(
  client: S3Client,
  key: string,
  id: string,
  etags: readonly string[],
  conditions: Readonly<Record<string, string>>,
  where: Where,
): Promise<string> {
  const parts = etags.map(
    (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>&quot;${escapeXml(etag)}&quot;</ETag></Part>`,
  );
  const body = Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`,
  );
  const headers = { ...conditions, 'content-type': 'application/xml' };
  const request = { method: 'POST' as const, key, query: { uploadId: id }, headers, body, patience: PATIENCE_MS };
  const expected = combined(etags);
  try {
    const done = await client.xml(request, 'CompleteMultipartUploadResult', where);
    // Ceph leaves it empty.
    return unquote(textOf(done, 'ETag') ?? '') || (expected ?? '');
  } catch (error) {
    // The answer may have been lost on its way; then the object is there, with an entity tag that we can foretell.
    if (!isVfsError(error, 'EUNAVAILABLE', 'ETIMEDOUT', 'EIO') || expected === undefined) throw error;
    const found = await find(client, key, where).catch(() => undefined);
    if (found?.entry.etag !== expected) throw error;
    return expected;
  }
}

/** The entity tag of an upload of parts whose own are MD5 sums; undefined where they are something else. */
function combined(etags: readonly string[]): string | undefined {
  if (!etags.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return undefined;
  return `${createHash('md5')
    .update(Buffer.from(etags.join(''), 'hex'))
    .digest('hex')}-${etags.length}`;
}

/** Gives an upload up at the server, signal or not: its parts cost room. What stays is left to `purge`. */
async function abort(client: S3Client, key: string, id: string, log: Logger, where: Where): Promise<void> {
  const request = { method: 'DELETE' as const, key, query: { uploadId: id } };
  try {
    await client.run(request, { op: where.op, path: where.path, signal: AbortSignal.timeout(ABORT_MS) });
  } catch (error) {
    // An upload that is gone is what we wanted, or had been completed.
    if (isVfsError(error, 'ENOENT', 'EIO')) return;
    log.warn({ path: where.path, error }, 'an unfinished upload stays at the storage until it is purged');
  }
}

async function* startingWith<T>(first: T, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  yield first;
  yield* rest;
}
