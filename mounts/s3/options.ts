import * as v from 'valibot';
import { parsePath } from '../../src/core/path.js';

const MIB = 1024 * 1024;

const options = v.strictObject({
  endpoint: v.pipe(
    v.string(),
    v.check(isEndpoint, 'must be an http or https URL without user, query and fragment'),
    v.description('URL of the S3 service, such as https://s3.eu-central-1.amazonaws.com'),
  ),
  region: v.optional(
    v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/), v.description('Region that requests are signed for')),
    'us-east-1',
  ),
  bucket: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'must be a bucket name: letters, digits, dots, hyphens'),
    v.description('Bucket, which must exist'),
  ),
  prefix: v.optional(
    v.pipe(
      v.string(),
      v.check(isPrefix, 'must be a path without empty, "." or ".." segments'),
      v.description('Folder of the bucket that becomes the root; empty for all of it'),
    ),
    '',
  ),
  pathStyle: v.optional(
    v.pipe(v.boolean(), v.description('Address the bucket as endpoint/bucket rather than as bucket.endpoint')),
    true,
  ),
  partSize: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(5 * MIB),
      v.maxValue(512 * MIB),
      v.description('Bytes of one part of an upload; larger files than 10,000 of them take larger parts'),
    ),
    8 * MIB,
  ),
  connections: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(2),
      v.maxValue(256),
      v.description('Connections for downloads, and as many again for everything else'),
    ),
    16,
  ),
});

export type S3Options = v.InferOutput<typeof options>;

/** What a mount of kind `s3` may say in its `options`. */
export const s3Options = v.pipe(
  options,
  v.check(
    ({ pathStyle, endpoint }) => pathStyle || !/^(\d+\.){3}\d+$|^\[/.test(new URL(endpoint).hostname),
    'pathStyle: false needs an endpoint with a host name, to put the bucket before it',
  ),
);

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && search === '' && hash === '';
}

function isPrefix(text: string): boolean {
  if (text === '') return true;
  try {
    return parsePath(text) === `/${text.replace(/^\/|\/$/g, '')}`;
  } catch {
    return false;
  }
}
