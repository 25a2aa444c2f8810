import { VfsError } from '../../src/core/errors.js';
import { decodeListed } from './encoding.js';
import type { Where } from './errors.js';
import { type S3Client, unquote } from './requests.js';
import { all, textOf, type Xml } from './xml.js';

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Milliseconds since 1970, whole seconds: what HEAD says too. */
  readonly mtime: number;
  readonly etag: string;
}

export interface Page {
  readonly objects: readonly ListedObject[];
  /** What ends with the delimiter, the delimiter included. */
  readonly prefixes: readonly string[];
  /** Keys that are not UTF-8. */
  readonly unreadable: number;
  readonly next: string | undefined;
}

export interface Listing {
  readonly prefix: string;
  readonly delimiter?: '/' | undefined;
  /** Keys a page; 1,000 when absent. */
  readonly limit?: number | undefined;
}

/** One page of ListObjectsV2. */
export async function listPage(client: S3Client, listing: Listing, where: Where, after?: string): Promise<Page> {
  const query: Record<string, string> = {
    'list-type': '2',
    'encoding-type': 'url',
    'max-keys': `${listing.limit ?? 1000}`,
    prefix: listing.prefix,
  };
  if (listing.delimiter !== undefined) query.delimiter = listing.delimiter;
  if (after !== undefined) query['continuation-token'] = after;
  const xml = await client.xml({ method: 'GET', query }, 'ListBucketResult', where);
  const encoded = textOf(xml, 'EncodingType') === 'url';
  const decode = (text: string) => (encoded ? decodeListed(text) : text);
  const contents = all(xml, 'Contents').map((element) => listed(element, decode));
  const prefixes = all(xml, 'CommonPrefixes').map((element) => decode(textOf(element, 'Prefix') ?? ''));
  const objects = contents.filter((object) => object !== undefined);
  const readable = prefixes.filter((prefix) => prefix !== undefined);
  const more = textOf(xml, 'IsTruncated') === 'true';
  const next = more ? textOf(xml, 'NextContinuationToken') : undefined;
  // A listing that breaks off, or goes in circles, is not the whole listing.
  if (more && (next === undefined || next === '' || next === after)) {
    throw new VfsError('EIO', where.op, where.path, { detail: 'a listing that does not go on' });
  }
  if ([...objects.map(({ key }) => key), ...readable].some((key) => !key.startsWith(listing.prefix))) {
    throw new VfsError('EIO', where.op, where.path, { detail: 'a listing of something else' });
  }
  const unreadable = contents.length + prefixes.length - objects.length - readable.length;
  return { objects, prefixes: readable, unreadable, next };
}

/** Every page of a listing, at least one. */
export async function* listPages(client: S3Client, listing: Listing, where: Where): AsyncGenerator<Page, void> {
  let after: string | undefined;
  do {
    const page = await listPage(client, listing, where, after);
    yield page;
    after = page.next;
  } while (after !== undefined);
}

function listed(element: Xml, decode: (text: string) => string | undefined): ListedObject | undefined {
  const key = decode(textOf(element, 'Key') ?? '');
  if (key === undefined) return undefined;
  const time = Date.parse(textOf(element, 'LastModified') ?? '');
  return {
    key,
    size: Number(textOf(element, 'Size') ?? 0) || 0,
    mtime: Number.isNaN(time) ? 0 : Math.floor(time / 1000) * 1000,
    etag: unquote(textOf(element, 'ETag') ?? ''),
  };
}
