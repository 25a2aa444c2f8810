import { randomBytes } from 'node:crypto';
import type { Bytes, Call } from '../../src/core/bytes.js';
import { cancellable } from '../../src/core/cancel.js';
import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import { giveBack } from '../../src/core/lent-buffers.js';
import { join, nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import { type PutOptions, TEMPORARY_PREFIX } from '../driver.js';
import { entryOf, etagOf, kindOf, seconds } from './attributes.js';
import { type Budget, WINDOW } from './budget.js';
import type { Line, Pool } from './pool.js';
import { type Attrs, Open, Status } from './protocol.js';
import { ConnectionLost, type RemoteHandle, type SftpSession, StatusError } from './session.js';
import { type Failed, locate, remote, translate } from './translate.js';
import { until } from './until.js';

/** How long a failed upload waits for its temporary file to be removed. */
const CLEAN_MS = 1_000;
/** A file whose time lies further ahead than this has it on purpose, or from a wrong clock: times do not follow it. */
const CLOSE_SECONDS = 60;

/**
 * Writes a whole new content: into a temporary file beside the target, checked by its size, made durable where the
 * server offers fsync, and renamed onto the target.
 */
export async function upload(
  pool: Pool,
  line: Line,
  path: Path,
  body: Bytes,
  options: PutOptions,
  budget: Budget,
): Promise<Entry> {
  const { session } = line;
  const failed = { op: 'put', path };
  await locate(line, path, 'put');
  const before = await beforeReplacing(line, path, options);
  return withTemporary(pool, line, failed, options, before?.mode ?? options.mode, async (handle, temporary) => {
    const written = await writeAll(session, handle, body, failed, options, budget);
    const after = await settle(session, handle, before, options);
    if (after.size !== written) {
      throw new VfsError('EIO', 'put', path, { detail: `the server has ${after.size} of ${written} bytes` });
    }
    await publish(line, temporary, path, options);
    return described(path, after);
  });
}

/** Copies a file at the server, without its bytes passing here. */
export async function duplicate(pool: Pool, line: Line, from: Path, to: Path, call: Call): Promise<Entry> {
  const { session } = line;
  if (!session.offers('copy-data')) throw new VfsError('ENOTSUP', 'copy', from);
  await locate(line, from, 'copy');
  await locate(line, to, 'copy');
  const source = await statOrNothing(line, from);
  if (source === undefined) throw new StatusError(Status.NO_SUCH_FILE, '');
  refuseOther(source, 'copy', from);
  const before = await beforeReplacing(line, to, {}, 'copy');
  const failed = { op: 'copy', path: to };
  const reading = await session.open(remote(line, from), Open.READ);
  try {
    return await withTemporary(pool, line, failed, call, before?.mode ?? source.mode, async (handle, temporary) => {
      await until(session.copyData(reading, handle), call, 'copy', from);
      const { size } = await session.fstat(reading);
      const after = await settle(session, handle, before, { mode: source.mode });
      if (after.size !== size) {
        throw new VfsError('EIO', 'copy', to, { detail: `the server copied ${after.size} of ${size} bytes` });
      }
      await publish(line, temporary, to, call);
      return described(to, after);
    });
  } finally {
    session.close(reading).catch(() => {});
  }
}

/**
 * What stands where a content is to go.
 * @throws VfsError EISDIR, ELOOP, EPERM for what a file does not replace; EPRECONDITION
 */
async function beforeReplacing(line: Line, path: Path, options: PutOptions, op = 'put'): Promise<Attrs | undefined> {
  const found = await statOrNothing(line, path);
  const { ifMatch, ifNoneMatch } = options;
  if (found === undefined) {
    if (path === ROOT) throw new VfsError('EUNAVAILABLE', op, path, { detail: 'the folder of this mount is gone' });
    if (ifMatch !== undefined) throw new VfsError('EPRECONDITION', op, path);
    return undefined;
  }
  if (ifNoneMatch !== undefined) throw new VfsError('EPRECONDITION', op, path);
  refuseOther(found, op, path);
  if (ifMatch !== undefined && ifMatch !== etagOf(found)) throw new VfsError('EPRECONDITION', op, path);
  return found;
}

function refuseOther(attrs: Attrs, op: string, path: Path): void {
  const kind = kindOf(attrs);
  if (kind === 'file') return;
  throw new VfsError(kind === 'directory' ? 'EISDIR' : kind === 'symlink' ? 'ELOOP' : 'EPERM', op, path);
}

async function statOrNothing(line: Line, path: Path): Promise<Attrs | undefined> {
  try {
    return await line.session.lstat(remote(line, path));
  } catch (error) {
    // Missing, or below what is missing or no folder: opening the temporary file tells these apart.
    if (error instanceof StatusError && error.status === Status.NO_SUCH_FILE) return undefined;
    throw error;
  }
}

/** Runs `fill` on a fresh file beside the target; whatever goes wrong, the file goes. */
async function withTemporary(
  pool: Pool,
  line: Line,
  failed: Failed,
  call: Call,
  mode: number | undefined,
  fill: (handle: RemoteHandle, temporary: string) => Promise<Entry>,
): Promise<Entry> {
  const { session } = line;
  const temporary = remote(line, join(parentOf(failed.path), temporaryName()));
  // Nobody else may read what nobody else may read in the end.
  const attrs = mode === undefined ? {} : { mode: 0o600 };
  let handle: RemoteHandle | undefined;
  const clean = async (late?: RemoteHandle): Promise<void> => {
    if (late !== undefined) session.close(late).catch(() => {});
    await session.remove(temporary).catch((error: unknown) => {
      if (error instanceof ConnectionLost) pool.discard(temporary);
    });
  };
  try {
    const opening = session.open(temporary, Open.WRITE | Open.READ | Open.CREAT | Open.EXCL, attrs);
    handle = await until(opening, call, failed.op, failed.path, (late) => void clean(late));
    const entry = await fill(handle, temporary);
    session.close(handle).catch(() => {});
    return entry;
  } catch (error) {
    const translated = await translate(error, failed, line);
    if (handle !== undefined) {
      const impatience = new Promise<void>((resolve) => setTimeout(resolve, CLEAN_MS).unref());
      await Promise.race([clean(handle), impatience]);
    } else if (error instanceof ConnectionLost && error.sent) pool.discard(temporary);
    throw translated;
  }
}

/** A chunk of the body, and how many of its pieces the server has not confirmed. */
interface Unanswered {
  readonly chunk: Uint8Array;
  pieces: number;
}

/** Sends the body in requests as large as the server takes, `WINDOW` of them under way. @returns its length */
async function writeAll(
  session: SftpSession,
  handle: RemoteHandle,
  body: Bytes,
  { path }: Failed,
  options: PutOptions,
  budget: Budget,
): Promise<number> {
  const step = session.writeSize;
  const under = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let wake: () => void = () => {};
  let pieces: Uint8Array[] = [];
  /** Whose pieces they are, in the same order. */
  let owners: Unanswered[] = [];
  let gathered = 0;
  let position = 0;

  const room = async (most: number): Promise<void> => {
    while (under.size > most && failure === undefined) {
      const answer = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await until(answer, options, 'put', path);
    }
    if (failure !== undefined) throw failure.error;
  };
  const send = async (): Promise<void> => {
    await room(WINDOW - 1);
    let counted = budget.take(gathered);
    if (!counted) {
      await room(0);
      counted = budget.take(gathered);
    }
    const length = gathered;
    const sent = session.write(handle, position, pieces, length);
    const written = owners;
    position += length;
    pieces = [];
    owners = [];
    gathered = 0;
    const answered = sent
      .then(
        () => {
          for (const owner of written) if (--owner.pieces === 0) giveBack(owner.chunk);
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .then(() => {
        if (counted) budget.give(length);
        under.delete(answered);
        wake();
      });
    under.add(answered);
  };

  for await (const chunk of cancellable(body, options.signal, 'put', path)) {
    if (options.size !== undefined && position + gathered + chunk.length > options.size) {
      throw new VfsError('EINVAL', 'put', path, { detail: `the body is longer than ${options.size} bytes` });
    }
    // One more while it is being cut, so that an early answer does not give away what is still to be sent.
    const owner: Unanswered = { chunk, pieces: 1 };
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(step - gathered, chunk.length - at);
      pieces.push(chunk.subarray(at, at + taken));
      owners.push(owner);
      owner.pieces++;
      gathered += taken;
      at += taken;
      if (gathered === step) await send();
    }
    if (--owner.pieces === 0) giveBack(chunk);
    if (failure !== undefined) throw failure.error;
  }
  if (gathered > 0) await send();
  await room(0);
  if (options.size !== undefined && position !== options.size) {
    throw new VfsError('EINVAL', 'put', path, { detail: `the body has ${position} of ${options.size} bytes` });
  }
  return position;
}

/**
 * Gives the file its final attributes, makes it durable, and says what it is. Where the protocol's seconds would make
 * the new content look like the one it replaces, its time is moved on.
 */
async function settle(
  session: SftpSession,
  handle: RemoteHandle,
  before: Attrs | undefined,
  { mode, mtime }: { readonly mode?: number | undefined; readonly mtime?: number | undefined },
): Promise<Attrs> {
  const bits = before?.mode ?? mode;
  const times = mtime === undefined ? {} : { atime: seconds(Date.now()), mtime: seconds(mtime) };
  // Requests on one handle are done in the order in which they come (§3): no need to wait in between.
  const steps: Promise<unknown>[] = [];
  if (bits !== undefined || mtime !== undefined) {
    steps.push(session.fsetstat(handle, { ...(bits === undefined ? {} : { mode: bits & 0o7777 }), ...times }));
  }
  if (session.offers('fsync@openssh.com')) steps.push(session.fsync(handle));
  const looked = session.fstat(handle);
  looked.catch(() => {});
  await Promise.all(steps);
  const after = await looked;
  const ahead = (before?.mtime ?? 0) - (after.mtime ?? 0);
  if (before === undefined || mtime !== undefined || ahead < 0 || ahead > CLOSE_SECONDS) return after;
  const next = seconds(((before.mtime ?? 0) + 1) * 1000);
  await session.fsetstat(handle, { atime: after.atime ?? next, mtime: next });
  return session.fstat(handle);
}

/** Puts a whole file under its name. What stands there was looked at; with conditions it is looked at once more. */
async function publish(line: Line, temporary: string, path: Path, options: PutOptions): Promise<void> {
  const { session } = line;
  const { signal, ifMatch, ifNoneMatch } = options;
  const op = 'put';
  if (ifMatch !== undefined || ifNoneMatch !== undefined) await beforeReplacing(line, path, options);
  if (signal?.aborted) throw new VfsError('ECANCELED', op, path, { cause: signal.reason });
  const where = remote(line, path);
  if (ifNoneMatch !== undefined) {
    // RENAME refuses what exists; OpenSSH does that with link(2), so that nobody comes in between.
    await session.rename(temporary, where).catch(async (error: unknown) => {
      const there = error instanceof StatusError && (await statOrNothing(line, path)) !== undefined;
      throw there ? new VfsError('EPRECONDITION', op, path) : error;
    });
    return;
  }
  if (session.offers('posix-rename@openssh.com')) await session.posixRename(temporary, where);
  else await replaceInSteps(session, temporary, where, { op, path });
}

/**
 * rename(2) for servers that only know RENAME, which refuses what exists (§6.5): the target steps aside first, and comes
 * back where the rename fails. Readers may meet no file for a moment.
 */
export async function replaceInSteps(session: SftpSession, from: string, to: string, failed: Failed): Promise<void> {
  const refusal = await session.rename(from, to).catch((error: unknown) => error ?? new Error('refused'));
  if (refusal === undefined) return;
  if (!(refusal instanceof StatusError) || refusal.status !== Status.FAILURE) throw refusal;
  const [source, target] = await Promise.all([session.lstat(from), session.lstat(to)]);
  const [isFolder, ontoFolder] = [kindOf(source) === 'directory', kindOf(target) === 'directory'];
  if (isFolder !== ontoFolder) throw new VfsError(isFolder ? 'ENOTDIR' : 'EISDIR', failed.op, failed.path);
  if (ontoFolder) {
    // An empty folder is no loss; RMDIR refuses any other.
    await session.rmdir(to);
    await session.rename(from, to);
    return;
  }
  const aside = to.slice(0, to.lastIndexOf('/') + 1) + temporaryName();
  await session.rename(to, aside);
  try {
    await session.rename(from, to);
  } catch (error) {
    await session.rename(aside, to);
    throw error;
  }
  await session.remove(aside);
}

function temporaryName(): string {
  return `${TEMPORARY_PREFIX}${randomBytes(12).toString('hex')}`;
}

function described(path: Path, attrs: Attrs): Entry {
  const entry = entryOf(nameOf(path), attrs);
  if (entry?.kind !== 'file') throw new VfsError('EIO', 'put', path, { detail: 'the server made no file of it' });
  return entry;
}
