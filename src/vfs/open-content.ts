import type { OpenFile, Replacement } from '../../mounts/driver.js';
import { type BlockMemory, RangedFile } from '../cache/read-ahead.js';
import type { Staging } from '../cache/staging.js';
import type { Call } from '../core/bytes.js';
import type { Attributes, Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { nameOf, type Path } from '../core/path.js';
import type { Changes } from './changes.js';
import { resolveConflict } from './conflict.js';
import { Gate } from './gate.js';
import type { Mount } from './mount.js';

/** What open contents share. */
export interface ContentContext {
  readonly staging: Staging;
  readonly memory: BlockMemory;
  readonly changes: Changes;
  /** Name of this node, for the names of conflict copies. */
  readonly node: string;
  /** Told of each conflict copy, after it is at the storage. */
  readonly onConflict: (mount: Mount, path: Path, copy: Path) => void;
}

export interface ContentOptions {
  /** Permission bits for a new file. */
  readonly mode?: number | undefined;
  /** Replace whatever is there at commit, as a whole upload does, rather than only what this content began from. */
  readonly unconditional?: boolean | undefined;
  /** Whose change it is when a call does not say. */
  readonly origin?: object | undefined;
}

/** A call that changes what others may have a copy of. */
interface ContentCall extends Call {
  /** See ChangeCall. */
  readonly origin?: object | undefined;
}

/** What a commit did: the change under the name, or the conflict copy beside it. */
interface Stored {
  readonly kind: 'entry' | 'content';
  readonly copy: Path | undefined;
}

/**
 * The content of one open file: what is at the storage, and what was written and is not there yet. One for all the
 * shared handles on a path, or one for a private handle alone.
 *
 * Nothing written shows at the storage before `commit`. A content outlives its name: after an unlink it goes on
 * reading and writing for those who hold it, and commits nowhere.
 */
export class OpenContent {
  readonly mount: Mount;
  readonly #context: ContentContext;
  readonly #options: ContentOptions;
  readonly #gate = new Gate();
  #path: Path;
  /** The file at the storage that this content began from; undefined while it is only here. */
  #base: Entry | undefined;
  #reader: Promise<OpenFile> | undefined;
  #next: Promise<Replacement> | undefined;
  /** Set once `#next` is there: its size without waiting. */
  #replacement: Replacement | undefined;
  #dirty: boolean;
  #gone = false;
  #written = Date.now();
  #pending: Attributes = {};

  constructor(
    context: ContentContext,
    mount: Mount,
    path: Path,
    base: Entry | undefined,
    options: ContentOptions = {},
  ) {
    this.#context = context;
    this.mount = mount;
    this.#path = path;
    this.#base = base;
    this.#options = options;
    this.#dirty = base === undefined;
  }

  get path(): Path {
    return this.#path;
  }

  /** Whether there is something that the storage does not have. */
  get dirty(): boolean {
    return this.#dirty && !this.#gone;
  }

  /** Whether its name was taken away: what is written has nowhere to go. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Whether the storage has no file under this name yet. */
  get isNew(): boolean {
    return this.#base === undefined && !this.#gone;
  }

  /** The attributes as the holders of this content see them. */
  get entry(): Entry {
    const base: Entry = this.#base ?? {
      name: nameOf(this.#path),
      kind: 'file',
      size: 0,
      mtime: this.#written,
      etag: '',
      mode: this.mount.driver.traits.permissions ? this.#options.mode : undefined,
    };
    return {
      ...base,
      name: nameOf(this.#path),
      size: this.#replacement?.size ?? base.size,
      mtime: this.#pending.mtime ?? (this.#dirty ? this.#written : base.mtime),
      mode: this.#pending.mode ?? base.mode,
      uid: this.#pending.uid ?? base.uid,
      gid: this.#pending.gid ?? base.gid,
      links: this.#gone ? 0 : base.links,
    };
  }

  /** Makes an empty beginning durable enough to write to: a full disk is told at creation, not at the last byte. */
  async begin(): Promise<void> {
    await this.#gate.shared(async () => {
      await this.#writable(false);
    });
  }

  async read(position: number, into: Uint8Array, call?: Call): Promise<number> {
    return this.#gate.shared(async () => {
      const source = await (this.#next ?? this.#readable());
      return source.read(position, into, call);
    });
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    await this.#gate.shared(async () => {
      const next = await this.#writable(true);
      await next.write(position, bytes);
      this.#touched();
    });
  }

  async truncate(size: number): Promise<void> {
    await this.#gate.alone(async () => {
      if (this.#next === undefined && size === this.entry.size) return;
      const next = await this.#writable(size > 0);
      await next.truncate(size);
      this.#touched();
    });
  }

  /** @throws VfsError ENOTSUP for what the storage cannot keep */
  async setattr(attributes: Attributes, call: ContentCall = {}): Promise<Entry> {
    const stored = await this.#gate.alone(async () => {
      const { driver } = this.mount;
      const { mode, uid, gid, mtime } = attributes;
      const permissions = mode !== undefined || uid !== undefined || gid !== undefined;
      if (!this.#dirty && !this.#gone) {
        if (driver.setattr === undefined) throw new VfsError('ENOTSUP', 'setattr', this.#path);
        const all = { ...this.#pending, ...attributes };
        this.#base = await driver.setattr(this.#path, all, { signal: call.signal });
        this.#pending = {};
        return true;
      }
      if (permissions && (driver.setattr === undefined || !driver.traits.permissions)) {
        throw new VfsError('ENOTSUP', 'setattr', this.#path);
      }
      if (mtime !== undefined && driver.traits.mtimeStep === undefined) {
        throw new VfsError('ENOTSUP', 'setattr', this.#path);
      }
      this.#pending = { ...this.#pending, ...attributes };
      return false;
    });
    if (stored) await this.#emit('content', call.origin ?? this.#options.origin);
    return this.entry;
  }

  /**
   * Puts what was written to the storage and resolves when it is verified there. When somebody else changed the file
   * meanwhile, both are kept: ours as a conflict copy beside theirs (promise 5).
   */
  async commit(call: ContentCall = {}): Promise<Entry> {
    const done = await this.#gate.alone(async () => {
      if (this.#gone) return undefined;
      const stored = this.#dirty ? await this.#store(call) : undefined;
      // What is stored is told to everyone, also when an attribute is then refused.
      const refused = await this.#settle(call).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      return { stored, refused };
    });
    // Outside the gate: the kernel may hold what we wait for until we have answered its reads.
    if (done?.stored !== undefined) await this.#tell(done.stored, call);
    if (done?.refused !== undefined) throw done.refused.error;
    return this.entry;
  }

  /** Puts the content to the storage; afterwards it is read from there. */
  async #store(call: ContentCall): Promise<Stored> {
    const next = await this.#writable(true);
    const kind = this.#base === undefined ? 'entry' : 'content';
    let copy: Path | undefined;
    try {
      this.#base = await this.#publish(next, call);
    } catch (error) {
      if (!isVfsError(error, 'EPRECONDITION')) throw error;
      const resolved = await resolveConflict(this.mount.driver, this.#path, next, {
        node: this.#context.node,
        mtime: this.#mtime,
        signal: call.signal,
      });
      this.#base = resolved.entry;
      copy = resolved.copy;
      if (copy !== undefined) this.#context.onConflict(this.mount, this.#path, copy);
    }
    this.#dirty = false;
    const { mtime: _, ...rest } = this.#pending;
    this.#pending = copy === undefined ? rest : {};
    await this.#forgetBytes();
    return { kind, copy };
  }

  async #tell({ kind, copy }: Stored, call: ContentCall): Promise<void> {
    if (copy === undefined) return this.#emit(kind, call.origin ?? this.#options.origin);
    await this.#emit('content', undefined); // who wrote ours has it in its cache, and the name means theirs
    const { space } = this.mount;
    await this.#context.changes.emit({ space, path: copy, kind: 'entry', origin: undefined });
  }

  /**
   * Runs `act`, which takes the name away from this content, so that who holds it goes on reading. An uncommitted
   * new file has no name at the storage: `act` is not run then.
   */
  async removing(act: () => Promise<void>): Promise<void> {
    await this.#gate.alone(async () => {
      if (this.#base !== undefined && !this.#gone) {
        await this.#keepBytes();
        await act();
      }
      this.#gone = true;
    });
  }

  /** Runs `act`, which gives the name to another content. Until that has happened this one keeps it, also while it is
   *  only here: a rename that fails must not cost what somebody is writing. */
  async replacedBy(act: () => Promise<void>): Promise<void> {
    await this.#gate.alone(async () => {
      if (this.#base !== undefined && !this.#gone) await this.#keepBytes();
      await act();
      this.#gone = true;
    });
  }

  /** Runs `act`, which gives this content, or a folder above it, another name. */
  async moving(to: Path, act: () => Promise<void>): Promise<void> {
    await this.#gate.alone(async () => {
      await act();
      this.#path = to;
      // A rename may change the etag: without the new one the next commit would look like a conflict. That is no reason
      // to say that the rename failed.
      if (this.#base !== undefined) this.#base = await this.mount.driver.stat(to).catch(() => this.#base);
      // One that reads range by range asks by name.
      if (this.mount.driver.open === undefined) await this.#closeReader();
    });
  }

  /**
   * Whether this is still the content under its name, after `seen` was found there. Somebody else's content is taken
   * over as long as nothing was read of ours; who has read from it goes on with it, or would get a mix of both.
   */
  async isCurrent(seen: Entry, call?: Call): Promise<boolean> {
    if (!this.#gone && this.#base?.etag === seen.etag) return true;
    return this.#gate.alone(async () => {
      if (this.#gone) return false;
      if (this.#dirty || this.#base === undefined) return true;
      // With the gate shut, and so after any commit of our own that `seen` may be older than.
      const entry = await this.mount.driver.stat(this.#path, call);
      if (this.#base.etag === entry.etag) return true;
      if (this.#reader !== undefined) return false;
      this.#base = entry;
      return true;
    });
  }

  /** The same content has another etag now, by something that we did. */
  async rebase(entry: Entry): Promise<void> {
    await this.#gate.alone(async () => {
      if (!this.#dirty && !this.#gone && this.#base !== undefined) this.#base = entry;
    });
  }

  /** Gives everything up that is not committed. */
  async dispose(): Promise<void> {
    await this.#gate.alone(async () => {
      await this.#forgetBytes();
    });
  }

  #touched(): void {
    this.#dirty = true;
    this.#written = Date.now();
    if (this.#pending.mtime !== undefined) this.#pending = { ...this.#pending, mtime: undefined };
  }

  get #mtime(): number | undefined {
    return this.#pending.mtime ?? (this.#options.unconditional ? undefined : this.#written);
  }

  async #publish(next: Replacement, call: Call): Promise<Entry> {
    const mtime = this.#mtime;
    const base = this.#base;
    const conditions = this.#options.unconditional
      ? {}
      : base === undefined
        ? { ifNoneMatch: '*' as const }
        : { ifMatch: base.etag || undefined };
    return next.commit({ path: this.#path, mtime, signal: call.signal, ...conditions });
  }

  /** Attributes that were set while the content was not at the storage. */
  async #settle(call: Call): Promise<void> {
    const wanted = this.#pending;
    const { driver } = this.mount;
    if (driver.setattr !== undefined && Object.values(wanted).some((value) => value !== undefined)) {
      this.#base = await driver.setattr(this.#path, wanted, { signal: call.signal });
    }
    this.#pending = {};
  }

  async #keepBytes(): Promise<void> {
    if (this.#next !== undefined) return;
    if (this.mount.driver.open !== undefined) await this.#readable();
    else await this.#writable(true);
  }

  #readable(): Promise<OpenFile> {
    if (this.#reader === undefined) {
      const opening = this.#open();
      this.#reader = opening;
      opening.catch(() => {
        if (this.#reader === opening) this.#reader = undefined;
      });
    }
    return this.#reader;
  }

  async #open(): Promise<OpenFile> {
    const { driver } = this.mount;
    if (driver.open !== undefined) return driver.open(this.#path);
    const base = this.#base ?? (await driver.stat(this.#path));
    return new RangedFile(driver, this.#path, base, this.#context.memory);
  }

  #writable(keep: boolean): Promise<Replacement> {
    if (this.#next === undefined) {
      const beginning = this.#begin(keep && (this.#base !== undefined || this.#gone));
      this.#next = beginning;
      beginning.then(
        (replacement) => {
          if (this.#next === beginning) this.#replacement = replacement;
        },
        () => {
          if (this.#next === beginning) this.#next = undefined;
        },
      );
    }
    return this.#next;
  }

  async #begin(keep: boolean): Promise<Replacement> {
    const { driver } = this.mount;
    const options = { keep, mode: this.#options.mode };
    // Where another content was read from already, that is what is to be kept, not what has the name by now.
    if (this.#gone || (keep && (await this.#readAnother()))) return this.#copyOfReader(keep);
    if (driver.replace !== undefined) return driver.replace(this.#path, options);
    return this.#context.staging.replace(driver, this.#path, options);
  }

  /** Whether another content has the name by now than the one that is held open for reading. */
  async #readAnother(): Promise<boolean> {
    const { driver } = this.mount;
    if (this.#reader === undefined || driver.open === undefined) return false;
    const now = await driver.stat(this.#path).catch((error: unknown) => {
      if (isVfsError(error, 'ENOENT')) return undefined;
      throw error;
    });
    return now?.etag !== this.#base?.etag;
  }

  async #copyOfReader(keep: boolean): Promise<Replacement> {
    const next = await this.#context.staging.replace(this.mount.driver, this.#path);
    if (!keep) return next;
    const reader = await this.#readable();
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (let at = 0; ; ) {
      const length = await reader.read(at, chunk);
      if (length === 0) return next;
      await next.write(at, chunk.subarray(0, length));
      at += length;
    }
  }

  async #forgetBytes(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    this.#replacement = undefined;
    // What cannot be given back is no trouble of the content, which is where it should be.
    await next?.then((replacement) => replacement.abort()).catch(() => {});
    await this.#closeReader();
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.then((file) => file.close()).catch(() => {});
  }

  #emit(kind: 'entry' | 'content', origin: object | undefined): Promise<void> {
    return this.#context.changes.emit({ space: this.mount.space, path: this.#path, kind, origin });
  }
}
