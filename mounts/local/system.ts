import fs, { type BigIntStats } from 'node:fs';
import { promisify } from 'node:util';

/*
 * The system calls that the driver makes, on numeric descriptors: about a third cheaper than FileHandles, and the
 * descriptor's number is needed for `/proc/self/fd/N` anyway. Whoever opens one closes it.
 */

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_NOCTTY } = fs.constants;
/** Linux's value on every architecture that Node runs on; Node does not export it. */
const O_PATH = 0o10000000;

/** A folder to walk from: search permission is enough, and nothing is read. */
export const WALK = O_PATH | O_DIRECTORY | O_NOFOLLOW;
/** The root is the one path where symbolic links are followed: the administrator wrote it. */
export const WALK_ROOT = O_PATH | O_DIRECTORY;
/** Whatever has that name, a symbolic link too, without opening it. */
export const NODE = O_PATH | O_NOFOLLOW;
/** A file to read; without O_NONBLOCK the open of a pipe would hang. */
export const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
export const SYNC_FOLDER = O_RDONLY | O_DIRECTORY;

export const open = promisify(fs.open);
export const close = promisify(fs.close);
export const fsync = promisify(fs.fsync);
export const mkdir = promisify(fs.mkdir);
export const unlink = promisify(fs.unlink);
export const rmdir = promisify(fs.rmdir);
export const rename = promisify(fs.rename);
export const link = promisify(fs.link);
export const symlink = promisify(fs.symlink);
export const readlink = promisify(fs.readlink);
export const readdir = promisify(fs.readdir);
export const opendir = promisify(fs.opendir);
export const ftruncate = promisify(fs.ftruncate);
export const fchmod = promisify(fs.fchmod);
export const fchown = promisify(fs.fchown);
export const chmod = promisify(fs.chmod);
export const chown = promisify(fs.chown);
export const lchown = promisify(fs.lchown);
export const statfs = promisify(fs.statfs);
const setTimesOfDescriptor = promisify(fs.futimes);
const setTimes = promisify(fs.utimes);
const setTimesOfLink = promisify(fs.lutimes);
export const copyFile = promisify(fs.copyFile);

const EXACT = { bigint: true } as const;

export function lstat(path: string): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.lstat(path, EXACT, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

export function stat(path: string): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.stat(path, EXACT, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

export function fstat(fd: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, EXACT, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

/** @returns how many bytes were read, perhaps fewer than there are */
export function read(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, into.length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** Reads until `into` is full or the file ends. */
export async function readFully(fd: number, into: Uint8Array, position: number): Promise<number> {
  let count = 0;
  while (count < into.length) {
    const more = await read(fd, count === 0 ? into : into.subarray(count), position + count);
    if (more === 0) break;
    count += more;
  }
  return count;
}

/** Writes all of `chunks`, one after the other, from `position` on. */
export async function writeFully(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let [rest, at] = [chunks, position];
  while (rest.length > 0) {
    const written = await new Promise<number>((resolve, reject) => {
      fs.writev(fd, rest, at, (error, count) => (error ? reject(error) : resolve(count)));
    });
    at += written;
    rest = skip(rest, written);
  }
}

function skip(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let [left, index] = [count, 0];
  while (index < chunks.length && left >= chunks[index]!.length) left -= chunks[index++]!.length;
  if (left === 0) return chunks.slice(index);
  return [chunks[index]!.subarray(left), ...chunks.slice(index + 1)];
}

/** Seconds as Node wants them, half a microsecond up because libuv cuts off what is finer than one. Before 1970 a Date:
 *  a negative number is the time of day to Node. */
const seconds = (ms: number): number | Date => (ms < 0 ? new Date(ms) : (ms + 0.0005) / 1000);

export function futimes(fd: number, atime: number, mtime: number): Promise<void> {
  return setTimesOfDescriptor(fd, seconds(atime), seconds(mtime));
}

/** Sets times in ms since 1970; follows links, so only for `/proc/self/fd/N`. */
export function utimes(path: string, atime: number, mtime: number): Promise<void> {
  return setTimes(path, seconds(atime), seconds(mtime));
}

export function lutimes(path: string, atime: number, mtime: number): Promise<void> {
  return setTimesOfLink(path, seconds(atime), seconds(mtime));
}
