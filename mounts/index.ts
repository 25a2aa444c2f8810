import type { DriverKind } from './driver.js';
import { localKind } from './local/kind.js';
import { memoryKind } from './memory.js';
import { s3Kind } from './s3/index.js';
import { sftpKind } from './sftp/kind.js';

/** Every kind of storage, by its name in the configuration; in the order of the alphabet. */
export function driverKinds(): readonly DriverKind[] {
  return [localKind, memoryKind, s3Kind, sftpKind];
}
