import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { access, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Logger } from '../../core/log.js';
import { StartError, Unavailable } from '../frontend.js';
import { type Binding, errnoName } from './binding.js';
import { type MountLine, mountsAt } from './mount-table.js';

const SUBTYPE = 'isthmus';
export const FILE_SYSTEM_TYPE = `fuse.${SUBTYPE}`;

/* From <sys/mount.h>. */
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** How long a mount may take to say whether anybody serves it. */
const PROBE_MS = 3000;
const HELPER_MS = 10_000;

export interface MountOptions {
  readonly allowOther: boolean;
  readonly uid: number;
  readonly gid: number;
}

const isRoot = () => process.geteuid?.() === 0;

/**
 * Makes a folder ready to be mounted on: made when missing, freed of what a killed daemon left mounted on it.
 * @returns its real path
 * @throws StartError when it is no folder, not empty, or has something else mounted on it
 */
export async function preparePoint(binding: Binding, path: string, log: Logger): Promise<string> {
  const wanted = resolve(path);
  try {
    await mkdir(dirname(wanted), { recursive: true, mode: 0o700 });
    // The last name is not touched before what may be mounted on it is known.
    const named = join(await realpath(dirname(wanted)), basename(wanted));
    await clearStale(binding, named, log);
    await mkdir(named, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const real = await realpath(named);
    if (real !== named) await clearStale(binding, real, log);
    if ((await readdir(real)).length > 0) {
      throw new StartError(`drive ${path}: the folder is not empty; a drive is mounted on an empty one`, 78);
    }
    return real;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOTDIR' ? 'it is not a folder' : String((error as Error).message);
    throw new StartError(`drive ${path}: ${reason}`, 78, { cause: error });
  }
}

async function clearStale(binding: Binding, target: string, log: Logger): Promise<void> {
  for (;;) {
    const top = (await mountsAt(target)).at(-1);
    if (top === undefined) return;
    if (top.type !== FILE_SYSTEM_TYPE) {
      throw new StartError(`drive ${target}: a ${top.type} file system is mounted there`, 78);
    }
    if (!(await isDead(target))) {
      throw new StartError(`drive ${target}: another daemon serves a drive there`, 78);
    }
    log.warn({ path: target }, 'drive: unmounting what a killed daemon left');
    await unmount(binding, target, true);
  }
}

/** Nobody serves a mount whose every call fails with ENOTCONN. */
async function isDead(target: string): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, PROBE_MS, 'silent');
  });
  const answer = stat(target).then(
    () => 'alive',
    (error: NodeJS.ErrnoException) => error.code ?? '',
  );
  const code = await Promise.race([answer, silent]);
  clearTimeout(timer);
  return code === 'ENOTCONN' || code === 'ECONNABORTED';
}

/** @throws Unavailable when the host has no FUSE */
export async function requireFuse(): Promise<void> {
  // An ordinary user need not be able to open it: the setuid helper does.
  await access('/dev/fuse', isRoot() ? constants.R_OK | constants.W_OK : constants.F_OK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new Unavailable(cause.code === 'ENOENT' ? 'no /dev/fuse on this host' : `/dev/fuse: ${cause.code}`, {
        cause,
      });
    },
  );
}

/**
 * Mounts, by mount(2) as root and through fusermount3 otherwise.
 * @returns the descriptor of /dev/fuse
 * @throws Unavailable when the kernel has no FUSE, or we may not
 */
export async function mount(binding: Binding, target: string, options: MountOptions): Promise<number> {
  return isRoot() ? mountDirectly(binding, target, options) : mountByHelper(binding, target, options);
}

function mountDirectly(binding: Binding, target: string, { allowOther, uid, gid }: MountOptions): number {
  // Without allow_other the kernel lets only `user_id` in: the drive's owner.
  const fd = openDevice();
  const data = `fd=${fd},rootmode=40000,user_id=${uid},group_id=${gid},default_permissions${allowOther ? ',allow_other' : ''}`;
  const result = binding.mount(SUBTYPE, target, FILE_SYSTEM_TYPE, MS_NOSUID | MS_NODEV, data);
  if (result === 0) return fd;
  closeSync(fd);
  throw refusal(errnoName(result), target);
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', 'r+');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw refusal(code, '/dev/fuse');
  }
}

function refusal(code: string, target: string): Error {
  if (code === 'EPERM' || code === 'EACCES') return new Unavailable(`mounting is not permitted here (${code})`);
  if (code === 'ENODEV' || code === 'ENXIO') return new Unavailable('the kernel has no FUSE (modprobe fuse)');
  return new StartError(`drive ${target}: mount: ${code}`);
}

/** Mounts as an ordinary user may. @returns the descriptor, as the setuid helper handed it over */
export async function mountByHelper(
  binding: Binding,
  target: string,
  { allowOther }: Pick<MountOptions, 'allowOther'>,
): Promise<number> {
  const ends = new Int32Array(2);
  const result = binding.socketPair(ends);
  if (result < 0) throw new StartError(`drive ${target}: socketpair: ${errnoName(result)}`);
  const [ours = -1, theirs = -1] = ends;
  try {
    const options = `fsname=${SUBTYPE},subtype=${SUBTYPE},default_permissions${allowOther ? ',allow_other' : ''}`;
    await fusermount(['-o', options, '--', target], theirs);
    const fd = binding.receive(ours);
    if (fd < 0) throw new StartError(`drive ${target}: fusermount3 sent no descriptor: ${errnoName(fd)}`);
    return fd;
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

/** @param socket  becomes descriptor 3 of the helper, which sends the mounted device over it */
function fusermount(args: readonly string[], socket?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('fusermount3', args, {
      stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
      env: { PATH: process.env.PATH, ...(socket !== undefined && { _FUSE_COMMFD: '3' }) },
      timeout: HELPER_MS,
    });
    let told = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (told.length < 1000) told += text;
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(new Unavailable(cause.code === 'ENOENT' ? 'fusermount3 is not installed (package fuse3)' : cause.message));
    });
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Unavailable(`fusermount3: ${told.trim().split('\n').at(-1) || `exit ${code}`}`));
    });
  });
}

/**
 * @param detach  take it out of the tree though it is in use; it ends when nobody uses it any more
 * @returns false when it is in use
 */
export async function unmount(binding: Binding, target: string, detach: boolean): Promise<boolean> {
  if (isRoot()) {
    const result = await binding.umount(target, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0));
    const code = result < 0 ? errnoName(result) : '';
    if (code === 'EBUSY') return false;
    if (code !== '' && code !== 'EINVAL') throw new Error(`umount ${target}: ${code}`); // EINVAL: not mounted any more
    return true;
  }
  try {
    await fusermount([detach ? '-uz' : '-u', '--', target]);
    return true;
  } catch (error) {
    if (!(await mountsAt(target)).some((line: MountLine) => line.type === FILE_SYSTEM_TYPE)) return true;
    if (detach) throw error;
    return false;
  }
}
