import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as v from 'valibot';
import type { CopyLimits } from '../../../mounts/s3/copying.js';
import { S3Driver } from '../../../mounts/s3/driver.js';
import { type S3Options, s3Options } from '../../../mounts/s3/options.js';
import { S3Client, type S3Request } from '../../../mounts/s3/requests.js';
import { all } from '../../../mounts/s3/xml.js';
import type { Logger } from '../../../src/core/log.js';
import { noLog } from '../../../src/core/log.js';
import { ROOT } from '../../../src/core/path.js';
import { Secret } from '../../../src/core/secret.js';
import type { S3Server } from '../../servers/radosgw.js';

const where = { op: 'test', path: ROOT };

/** One bucket of a real server, and the ways into it: our drivers, raw requests, and other people's clients. */
export class Bucket {
  readonly server: S3Server;
  readonly name: string;
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(server: S3Server, name: string) {
    this.server = server;
    this.name = name;
  }

  static async create(server: S3Server, name: string): Promise<Bucket> {
    const bucket = new Bucket(server, name);
    await bucket.run({ method: 'PUT' });
    return bucket;
  }

  options(more: Partial<S3Options> = {}): S3Options {
    const { endpoint, region } = this.server;
    return v.parse(s3Options, { endpoint, region, bucket: this.name, ...more });
  }

  driver(
    more: Partial<S3Options> = {},
    { log = noLog, secret = this.server.secretKey, user = this.server.accessKey, limits }: DriverChoices = {},
  ): S3Driver {
    const context = { credentials: { user, password: new Secret(secret) }, log };
    const driver = new S3Driver(this.options(more), context, limits);
    this.#open.push(driver);
    return driver;
  }

  client(): S3Client {
    const { accessKey, secretKey } = this.server;
    const client = new S3Client(this.options(), { user: accessKey, password: new Secret(secretKey) });
    this.#open.push(client);
    return client;
  }

  /** A request of somebody who is not the driver. */
  async run(request: S3Request): Promise<Readonly<Record<string, string | string[] | undefined>>> {
    const client = this.client();
    const { headers } = await client.run(request, where);
    return headers;
  }

  async put(key: string, content: string): Promise<void> {
    await this.run({ method: 'PUT', key, body: Buffer.from(content) });
  }

  /** How many uploads are unfinished in this bucket. */
  async uploads(): Promise<number> {
    const request = { method: 'GET' as const, query: { uploads: '' } };
    return all(await this.client().xml(request, 'ListMultipartUploadsResult', where), 'Upload').length;
  }

  async s3cmd(...args: string[]): Promise<string> {
    const { port, accessKey, secretKey } = this.server;
    const keys = ['--access_key', accessKey, '--secret_key', secretKey, '--config', '/dev/null'];
    const place = ['--no-ssl', '--host', `127.0.0.1:${port}`, '--host-bucket', `127.0.0.1:${port}`];
    const { stdout } = await promisify(execFile)('s3cmd', [...keys, ...place, '--no-progress', ...args]);
    return stdout;
  }

  async rclone(...args: string[]): Promise<string> {
    const { endpoint, accessKey, secretKey } = this.server;
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CONFIG_R_TYPE: 's3',
      RCLONE_CONFIG_R_PROVIDER: 'Ceph',
      RCLONE_CONFIG_R_ENDPOINT: endpoint,
      RCLONE_CONFIG_R_ACCESS_KEY_ID: accessKey,
      RCLONE_CONFIG_R_SECRET_ACCESS_KEY: secretKey,
    };
    // rclone 1.60 cannot start where this is set.
    delete env.AWS_CA_BUNDLE;
    const { stdout } = await promisify(execFile)('rclone', args, { env });
    return stdout;
  }

  /** Closes every driver and client that was made here. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((one) => one.close()));
  }
}

export interface DriverChoices {
  readonly log?: Logger;
  readonly user?: string;
  readonly secret?: string;
  readonly limits?: CopyLimits;
}

/** A logger that keeps the warnings. */
export function listening(): { log: Logger; warnings: object[] } {
  const warnings: object[] = [];
  const log: Logger = { ...noLog, warn: (fields, message) => warnings.push({ ...fields, message }), child: () => log };
  return { log, warnings };
}
