import type { Client, SFTPWrapper, Stats } from 'ssh2';
import { type ErrorCode, VfsError } from '../../src/core/errors.js';
import { statusOf } from '../../src/frontends/sftp/status.js';
import type { ClientFile, ClientStat, FileClient, OpenMode } from '../conformance/files.js';

const CODES: readonly ErrorCode[] = [
  'ENOENT',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'ENOTEMPTY',
  'EINVAL',
  'ENAMETOOLONG',
  'ELOOP',
  'EBADF',
  'ENOTSUP',
];
/** SFTP has eight codes; what the server says in words tells more. */
const BY_MESSAGE = new Map(CODES.map((code) => [statusOf(new VfsError(code, '', ''))[1], code]));

type Done<T> = (error: Error | undefined | null, value: T) => void;

/** Calls a function of ssh2 that takes a callback; its error gets the POSIX code that the server meant. */
function call<T = void>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (!error) resolve(value);
      else {
        const code = BY_MESSAGE.get(error.message.replace(/:.*/s, '')) ?? 'EIO';
        reject(Object.assign(new Error(error.message), { code }));
      }
    });
  });
}

/** What SFTP over one session of ssh2's client can do, below `folder`. */
export class SftpFileClient implements FileClient {
  readonly #sftp: SFTPWrapper;
  readonly #folder: string;

  constructor(sftp: SFTPWrapper, folder: string) {
    this.#sftp = sftp;
    this.#folder = folder;
  }

  static session(client: Client): Promise<SFTPWrapper> {
    return call<SFTPWrapper>((done) => client.sftp(done));
  }

  async open(path: string, mode: OpenMode): Promise<ClientFile> {
    const flags =
      (mode.read ? 1 : 0) |
      (mode.write ? 2 : 0) |
      (mode.append ? 4 : 0) |
      (mode.create ? 8 : 0) |
      (mode.truncate ? 16 : 0) |
      (mode.exclusive ? 32 : 0);
    const attributes = mode.mode === undefined ? {} : { mode: mode.mode };
    const sftp = this.#sftp;
    const handle = await call<Buffer>((done) => sftp.open(this.#at(path), flags as never, attributes, done));
    return {
      read: (position, length) => readAll(sftp, handle, position, length),
      write: async (position, bytes) => {
        // The callback of an empty write never comes; nothing is to be written anyway.
        if (bytes.length === 0) return;
        await call((done) => sftp.write(handle, Buffer.from(bytes), 0, bytes.length, position, (error) => done(error)));
      },
      truncate: (size) => call((done) => sftp.fsetstat(handle, { size } as never, (error) => done(error))),
      stat: async () => statOf(await call<Stats>((done) => sftp.fstat(handle, done))),
      sync: () => call((done) => sftp.ext_openssh_fsync(handle, (error) => done(error))),
      close: () => call((done) => sftp.close(handle, (error) => done(error))),
    };
  }

  async stat(path: string): Promise<ClientStat> {
    return statOf(await call<Stats>((done) => this.#sftp.lstat(this.#at(path), done)));
  }

  async list(path: string): Promise<string[]> {
    const entries = await call<{ filename: string }[]>((done) => this.#sftp.readdir(this.#at(path), done));
    return entries.map(({ filename }) => filename);
  }

  mkdir(path: string): Promise<void> {
    return call((done) => this.#sftp.mkdir(this.#at(path), (error) => done(error)));
  }

  rmdir(path: string): Promise<void> {
    return call((done) => this.#sftp.rmdir(this.#at(path), (error) => done(error)));
  }

  unlink(path: string): Promise<void> {
    return call((done) => this.#sftp.unlink(this.#at(path), (error) => done(error)));
  }

  rename(from: string, to: string): Promise<void> {
    return call((done) => this.#sftp.ext_openssh_rename(this.#at(from), this.#at(to), (error) => done(error)));
  }

  truncate(path: string, size: number): Promise<void> {
    return call((done) => this.#sftp.setstat(this.#at(path), { size } as never, (error) => done(error)));
  }

  setTimes(path: string, mtime: number): Promise<void> {
    const seconds = mtime / 1000;
    return call((done) => this.#sftp.utimes(this.#at(path), seconds, seconds, (error) => done(error)));
  }

  chmod(path: string, mode: number): Promise<void> {
    return call((done) => this.#sftp.chmod(this.#at(path), mode, (error) => done(error)));
  }

  symlink(path: string, target: string): Promise<void> {
    // ssh2 sends them as the draft has it to servers that do not call themselves OpenSSH.
    return call((done) => this.#sftp.symlink(this.#at(path), target, (error) => done(error)));
  }

  readlink(path: string): Promise<string> {
    return call((done) => this.#sftp.readlink(this.#at(path), done));
  }

  link(existing: string, path: string): Promise<void> {
    return call((done) => this.#sftp.ext_openssh_hardlink(this.#at(existing), this.#at(path), (error) => done(error)));
  }

  async statfs(path: string): Promise<{ total: number; free: number }> {
    const info = await call<{ f_frsize: number; f_blocks: number; f_bfree: number }>((done) =>
      this.#sftp.ext_openssh_statvfs(this.#at(path), done as never),
    );
    return { total: info.f_frsize * info.f_blocks, free: info.f_frsize * info.f_bfree };
  }

  #at(path: string): string {
    return path === '/' ? this.#folder : this.#folder + path;
  }
}

async function readAll(sftp: SFTPWrapper, handle: Buffer, position: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = await new Promise<number>((resolve, reject) => {
      sftp.read(handle, into, filled, length - filled, position + filled, (error, bytes) => {
        if (error === undefined || error === null) resolve(bytes);
        else if ((error as { code?: unknown }).code === 1) resolve(0);
        else reject(error);
      });
    });
    if (count === 0) break;
    filled += count;
  }
  return into.subarray(0, filled);
}

function statOf(stats: Stats): ClientStat {
  const kind = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file';
  return { kind, size: stats.size, mtime: stats.mtime * 1000, mode: stats.mode & 0o7777 };
}
