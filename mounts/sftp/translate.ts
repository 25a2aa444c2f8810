import type { EntryKind } from '../../src/core/entry.js';
import { type ErrorCode, fromNodeError, VfsError } from '../../src/core/errors.js';
import { isWithin, type Path, parentOf, ROOT } from '../../src/core/path.js';
import { kindOf } from './attributes.js';
import { MalformedPacket } from './packet.js';
import type { Line } from './pool.js';
import { Status } from './protocol.js';
import { ConnectionLost, type SftpSession, StatusError } from './session.js';

/** What failed: the operation, its path, and the second path of a rename, copy or link. */
export interface Failed {
  readonly op: string;
  readonly path: Path;
  readonly other?: Path | undefined;
}

/** The path at the server, once it is known that no link among the parents leads elsewhere. */
export async function locate(line: Line, path: Path, op: string): Promise<string> {
  await line.parents.check(line.session, line.root, path, op);
  return remote(line, path);
}

/** The path at the server, of what was located before. */
export function remote({ root }: Line, path: Path): string {
  if (path === ROOT) return root;
  return root === '/' ? path : root + path;
}

/**
 * Turns what the session threw into a VfsError. Version 3 has few statuses: OpenSSH says NO_SUCH_FILE also for ENOTDIR, and
 * FAILURE for EEXIST, ENOTEMPTY, EISDIR, ENOSPC, EROFS and EXDEV alike (its errno_to_portable), so what stands at the
 * paths is looked at. That may have changed in between; then the code is the next best.
 */
export async function translate(error: unknown, failed: Failed, line?: Line): Promise<VfsError> {
  const { op, path } = failed;
  if (error instanceof VfsError) {
    return error.op === 'connect' ? new VfsError(error.code, op, path, { cause: error, ...detailOf(error) }) : error;
  }
  if (error instanceof ConnectionLost) {
    return new VfsError('EUNAVAILABLE', op, path, { cause: error, detail: error.message });
  }
  if (error instanceof MalformedPacket) {
    return new VfsError('EIO', op, path, { cause: error, detail: 'the server answered what makes no sense' });
  }
  if (!(error instanceof StatusError)) return fromNodeError(error, op, path);
  let code: ErrorCode = 'EIO';
  try {
    if (line !== undefined) code = await codeFor(error.status, failed, line);
  } catch (probing) {
    if (probing instanceof ConnectionLost) code = 'EUNAVAILABLE';
  }
  return new VfsError(code, op, path, { cause: error });
}

function detailOf({ detail }: VfsError): { detail?: string } {
  return detail === undefined ? {} : { detail };
}

async function codeFor(status: number, failed: Failed, line: Line): Promise<ErrorCode> {
  const { op, path, other } = failed;
  switch (status) {
    case Status.NO_SUCH_FILE:
      return missing(failed, line);
    case Status.PERMISSION_DENIED:
      // unlink(2) of a folder is EPERM where it is not Linux's EISDIR.
      return op === 'unlink' && (await kindAt(line, path)) === 'directory' ? 'EISDIR' : 'EACCES';
    case Status.BAD_MESSAGE: {
      // EINVAL and ENAMETOOLONG look the same.
      if (op === 'readlink' || (other !== undefined && isWithin(other, path))) return 'EINVAL';
      const longest = Math.max(...[path, other ?? path].map((one) => Buffer.byteLength(one)));
      return longest > 100 ? 'ENAMETOOLONG' : 'EINVAL';
    }
    case Status.OP_UNSUPPORTED:
      return 'ENOTSUP';
    case Status.NO_CONNECTION:
    case Status.CONNECTION_LOST:
      return 'EUNAVAILABLE';
    case Status.FAILURE:
      return failure(failed, line);
    default:
      return 'EIO';
  }
}

async function missing({ op, path, other }: Failed, line: Line): Promise<ErrorCode> {
  const kind = await kindAt(line, path);
  if (kind === undefined) return whyMissing(line, path);
  if (op === 'rmdir') return 'ENOTDIR';
  if (other === undefined) return 'ENOENT';
  const otherKind = await kindAt(line, other);
  if (otherKind === undefined) return whyMissing(line, other);
  return op === 'rename' && kind === 'directory' && otherKind !== 'directory' ? 'ENOTDIR' : 'ENOENT';
}

/** A root that is gone is a storage that is gone (nothing below it was deleted); a file among the parents is ENOTDIR. */
async function whyMissing(line: Line, path: Path): Promise<ErrorCode> {
  for (let at = path; at !== ROOT; ) {
    at = parentOf(at);
    const kind = await kindAt(line, at);
    if (kind === 'file') return 'ENOTDIR';
    if (kind !== undefined) return 'ENOENT';
  }
  return 'EUNAVAILABLE';
}

async function failure({ op, path, other }: Failed, line: Line): Promise<ErrorCode> {
  const { session } = line;
  const kind = await kindAt(line, path);
  switch (op) {
    case 'mkdir':
    case 'symlink':
      if (kind !== undefined) return 'EEXIST';
      break;
    case 'unlink':
      if (kind === 'directory') return 'EISDIR';
      break;
    case 'rmdir':
      if (kind === 'file' || kind === 'symlink') return 'ENOTDIR';
      if (kind === 'directory' && !(await isEmpty(session, remote(line, path)))) return 'ENOTEMPTY';
      break;
    case 'link':
      if (other !== undefined && (await kindAt(line, other)) !== undefined) return 'EEXIST';
      break;
    case 'rename': {
      const target = other === undefined ? undefined : await kindAt(line, other);
      if (target === 'directory' && kind !== 'directory') return 'EISDIR';
      if (target !== undefined && target !== 'directory' && kind === 'directory') return 'ENOTDIR';
      if (target === 'directory' && !(await isEmpty(session, remote(line, other!)))) return 'ENOTEMPTY';
      if (session.offers('statvfs@openssh.com')) {
        const [from, to] = await Promise.all(
          [path, other ?? path].map((one) => session.statvfs(remote(line, parentOf(one)))),
        );
        if (from!.fsid !== to!.fsid) return 'EXDEV';
      }
      break;
    }
  }
  if (!session.offers('statvfs@openssh.com')) return 'EIO';
  const space = await session.statvfs(remote(line, parentOf(other ?? path)));
  if (space.readOnly) return 'EROFS';
  return space.free < session.writeSize ? 'ENOSPC' : 'EIO';
}

async function kindAt(line: Line, path: Path): Promise<EntryKind | undefined> {
  try {
    return kindOf(await line.session.lstat(remote(line, path))) ?? 'file';
  } catch (error) {
    if (error instanceof StatusError && error.status === Status.NO_SUCH_FILE) return undefined;
    throw error;
  }
}

async function isEmpty(session: SftpSession, path: string): Promise<boolean> {
  const handle = await session.opendir(path);
  try {
    for (;;) {
      const names = await session.readdir(handle);
      if (names === undefined) return true;
      if (names.some(({ name }) => name.toString('latin1') !== '.' && name.toString('latin1') !== '..')) return false;
    }
  } finally {
    session.close(handle).catch(() => {});
  }
}
