import type { Path } from '../core/path.js';
import type { Secret } from '../core/secret.js';
import type { Listen } from './units.js';

/** The configuration as the daemon takes it: complete, host paths absolute, files read, sizes in bytes, times in ms. */
export interface Config {
  /** The file it came from, as named by the user; `embedded defaults` when there is none. */
  readonly source: string;
  /** What relative paths were resolved against: the folder of the file, or the working directory. */
  readonly folder: string;
  readonly node: { readonly name: string; readonly state: string };
  readonly web: {
    /** Absent: off. */
    readonly listen: Listen | undefined;
    readonly url: string | undefined;
    readonly tls: TlsFiles | undefined;
    /** Addresses and networks (CIDR). */
    readonly trustedProxies: readonly string[];
  };
  readonly sftp: {
    readonly listen: Listen | undefined;
    /** Files that could be read; empty: one key is made in the state folder. */
    readonly hostKeys: readonly KeyFile[];
  };
  readonly drives: readonly DriveConfig[];
  readonly metrics: { readonly listen: Listen | undefined };
  readonly database: { readonly kind: 'sqlite'; readonly path: string };
  readonly cache: { readonly path: string; readonly size: number; readonly maxAge: number };
  readonly homes: StorageConfig;
  readonly auth: { readonly local: { readonly enabled: boolean } };
  readonly mounts: readonly MountConfig[];
  readonly log: { readonly level: LogLevel };
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface KeyFile {
  readonly path: string;
  readonly content: Secret;
}

export interface TlsFiles {
  readonly cert: { readonly path: string; readonly content: string };
  readonly key: KeyFile;
}

export interface DriveConfig {
  readonly path: string;
  /** Login name of the user whose view it shows. */
  readonly as: string;
  readonly allowOther: boolean;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly umask: number;
}

/** One storage: which driver, with which options (checked by the driver's own schema) and credentials. */
export interface StorageConfig {
  readonly driver: string;
  readonly options: unknown;
  readonly credentials: StorageCredentials;
}

export interface StorageCredentials {
  readonly user?: string;
  readonly password?: Secret;
  readonly privateKey?: Secret;
}

export interface MountConfig extends StorageConfig {
  readonly at: Path;
  readonly readOnly: boolean;
  /** Absent: everyone. */
  readonly for: { readonly users: readonly string[]; readonly groups: readonly string[] } | undefined;
  readonly fsync: 'storage' | 'journal';
}
