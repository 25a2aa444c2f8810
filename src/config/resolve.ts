import { join, resolve } from 'node:path';
import type { GenericSchema } from 'valibot';
import { Secret } from '../core/secret.js';
import type { DriverOptions } from './check-drivers.js';
import type { Config, StorageConfig, StorageCredentials } from './config.js';
import type { CheckedConfig } from './schema.js';
import { hostPathKeys } from './schema-tree.js';

export interface Parts {
  readonly source: string;
  readonly folder: string;
  readonly checked: CheckedConfig;
  /** Contents of files, by key. */
  readonly files: ReadonlyMap<string, string>;
  /** Options as the drivers' schemas gave them, by `homes`, `mounts.0`, … */
  readonly options: ReadonlyMap<string, unknown>;
  readonly kinds: readonly DriverOptions[];
}

/** Fills in what depends on other options, makes host paths absolute, and wraps secrets. Everything has been checked. */
export function resolveConfig({ source, folder, checked, files, options, kinds }: Parts): Config {
  const absolute = (path: string) => resolve(folder, path);
  const state = absolute(checked.node.state);
  const listen = <T>(value: T | 'off'): T | undefined => (value === 'off' ? undefined : value);
  const keyFile = (path: string, key: string) => ({
    path: absolute(path.replace(/^file:/, '')),
    content: new Secret(files.get(key) ?? ''),
  });

  const storage = (at: string, key: string, driver: string, credentials: Credentials): StorageConfig => {
    const kind = kinds.find((row) => row.name === driver);
    return {
      driver,
      options: kind === undefined ? {} : absolutePaths(kind.options, options.get(at) ?? {}, absolute),
      credentials: unlock(credentials, (field) => files.get(`${key}.credentials.${field}`)),
    };
  };
  const homes = checked.homes;
  const { tls } = checked.web;

  return {
    source,
    folder,
    node: { name: checked.node.name, state },
    web: {
      listen: listen(checked.web.listen),
      url: checked.web.url,
      tls: tls && {
        cert: { path: absolute(tls.cert.replace(/^file:/, '')), content: files.get('web.tls.cert') ?? '' },
        key: keyFile(tls.key, 'web.tls.key'),
      },
      trustedProxies: checked.web.trustedProxies,
    },
    sftp: {
      listen: listen(checked.sftp.listen),
      hostKeys: checked.sftp.hostKeys.map((path, index) => keyFile(path, `sftp.hostKeys[${index}]`)),
    },
    drives: (checked.drives ?? [{ path: join(state, 'drive'), as: 'admin', allowOther: false, umask: 0o022 }]).map(
      ({ path, as, allowOther, uid, gid, umask }) => ({ path: absolute(path), as, allowOther, uid, gid, umask }),
    ),
    metrics: { listen: listen(checked.metrics.listen) },
    database: {
      kind: 'sqlite',
      path: checked.database === undefined ? join(state, 'isthmus.db') : absolute(checked.database.slice(7)),
    },
    cache: {
      ...checked.cache,
      path: checked.cache.path === undefined ? join(state, 'cache') : absolute(checked.cache.path),
    },
    homes:
      homes === undefined
        ? { driver: 'local', options: { path: join(state, 'homes', '%u'), create: true }, credentials: {} }
        : storage('homes', 'homes', homes.driver, homes.credentials),
    auth: checked.auth,
    mounts: checked.mounts.map(({ at, driver, credentials, readOnly, for: whom, fsync }, index) => ({
      at,
      readOnly,
      for: whom,
      fsync,
      ...storage(`mounts.${index}`, `mounts[${index}]`, driver, credentials),
    })),
    log: checked.log,
  };
}

type Credentials = CheckedConfig['mounts'][number]['credentials'];

function unlock(credentials: Credentials, file: (field: string) => string | undefined): StorageCredentials {
  const secret = (field: 'password' | 'privateKey') => {
    const value = credentials[field];
    return value === undefined ? {} : { [field]: new Secret(file(field) ?? value) };
  };
  const user = credentials.user === undefined ? {} : { user: credentials.user };
  return { ...user, ...secret('password'), ...secret('privateKey') };
}

function absolutePaths(schema: GenericSchema, options: unknown, absolute: (path: string) => string): unknown {
  if (typeof options !== 'object' || options === null) return options;
  const copy: Record<string, unknown> = { ...options };
  for (const key of hostPathKeys(schema)) {
    const value = copy[key];
    if (typeof value === 'string') copy[key] = absolute(value);
  }
  return copy;
}
