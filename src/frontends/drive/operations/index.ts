import { Opcode } from '../protocol/numbers.js';
import { getattr, setattr } from './attributes.js';
import { create, link, mkdir, mknod, symlink } from './create.js';
import { read, write } from './data.js';
import { fsyncdir, opendir, readdir, readdirplus, releasedir } from './directory.js';
import { batchForget, forget, lookup } from './lookup.js';
import { commit, open, release } from './open.js';
import type { Operation } from './operation.js';
import { readlink } from './readlink.js';
import { rmdir, unlink } from './remove.js';
import { rename, rename2 } from './rename.js';
import { statfs } from './statfs.js';

/**
 * What is done for each request. Not here, and so answered ENOSYS, which the kernel remembers: extended attributes (to
 * answer them at all halves small writes and quarters `ls -l`), locks (the kernel's own), ACCESS (default_permissions),
 * FALLOCATE, LSEEK, COPY_FILE_RANGE (the kernel does without). INIT, INTERRUPT and DESTROY belong to the session.
 */
export function operations(): ReadonlyMap<number, Operation> {
  return new Map<number, Operation>([
    [Opcode.LOOKUP, lookup],
    [Opcode.FORGET, forget],
    [Opcode.BATCH_FORGET, batchForget],
    [Opcode.GETATTR, getattr],
    [Opcode.SETATTR, setattr],
    [Opcode.READLINK, readlink],
    [Opcode.SYMLINK, symlink],
    [Opcode.MKNOD, mknod],
    [Opcode.MKDIR, mkdir],
    [Opcode.UNLINK, unlink],
    [Opcode.RMDIR, rmdir],
    [Opcode.RENAME, rename],
    [Opcode.RENAME2, rename2],
    [Opcode.LINK, link],
    [Opcode.OPEN, open],
    [Opcode.CREATE, create],
    [Opcode.READ, read],
    [Opcode.WRITE, write],
    [Opcode.FLUSH, commit],
    [Opcode.FSYNC, commit],
    [Opcode.RELEASE, release],
    [Opcode.STATFS, statfs],
    [Opcode.OPENDIR, opendir],
    [Opcode.READDIR, readdir],
    [Opcode.READDIRPLUS, readdirplus],
    [Opcode.RELEASEDIR, releasedir],
    [Opcode.FSYNCDIR, fsyncdir],
  ]);
}
