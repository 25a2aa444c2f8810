import * as v from 'valibot';
import type { DriverKind } from '../driver.js';
import { SftpDriver, type SftpOptions } from './driver.js';
import { isHostKey } from './host-key.js';

const hostKey = v.pipe(
  v.string(),
  v.trim(),
  v.check(isHostKey, 'must be a fingerprint like SHA256:… (43 characters) or a key like ssh-ed25519 AAAA…'),
  v.description('A host key that the server may show: SHA256 fingerprint, or the key itself.'),
);

const options = v.pipe(
  v.strictObject({
    host: v.pipe(v.string(), v.trim(), v.nonEmpty('must name a host'), v.description('Name or address of the server.')),
    port: v.pipe(
      v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)), 22),
      v.description('TCP port.'),
    ),
    path: v.pipe(
      v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty')), '.'),
      v.description('Folder at the server that is mounted; relative to where the account begins.'),
    ),
    hostKey: v.pipe(
      v.optional(v.union([hostKey, v.array(hostKey)]), []),
      v.description('Host keys that the server may show; one or several.'),
    ),
    knownHosts: v.pipe(
      v.optional(v.pipe(v.string(), v.nonEmpty('must name a file'))),
      v.description('A known_hosts file of OpenSSH with the keys of the server; hashed names are understood.'),
      v.metadata({ hostPath: true }),
    ),
    connections: v.pipe(
      v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)), 4),
      v.description('Connections to the server at most.'),
    ),
  }),
  v.transform(
    ({ hostKey: keys, knownHosts, ...rest }): SftpOptions => ({
      ...rest,
      hostKeys: typeof keys === 'string' ? [keys] : keys,
      knownHosts,
    }),
  ),
);

/** `driver: sftp`. Signs in with `credentials` user and password, or user and private key (passphrase in password). */
export const sftpKind: DriverKind<SftpOptions> = {
  name: 'sftp',
  options,
  create: (given, context) => new SftpDriver(given, context),
};
