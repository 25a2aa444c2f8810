import type { DriverKind } from '../driver.js';
import { S3Driver } from './driver.js';
import { type S3Options, s3Options } from './options.js';

/** Amazon S3 and what speaks like it. `user` is the access key id, `password` the secret access key. */
export const s3Kind: DriverKind<S3Options> = {
  name: 's3',
  options: s3Options,
  create: (options, context) => new S3Driver(options, context),
};
