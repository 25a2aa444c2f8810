import type { Call } from '../core/bytes.js';
import type { Attributes, Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { parentOf } from '../core/path.js';
import type { Handle, OpenOptions } from './handle.js';
import type { Shared } from './namespace.js';
import { OpenContent } from './open-content.js';
import type { Location } from './tree.js';
import type { Node } from './view.js';

/**
 * Opens a file for a view, which has checked rights and locks already.
 * @param show  makes the view's node of an entry
 * @param allow  throws where attributes may not be set: a handle that only reads may be on a read-only mount
 */
export async function openFile(
  shared: Shared,
  location: Location,
  options: OpenOptions,
  show: (entry: Entry) => Node,
  allow: () => void,
): Promise<Handle> {
  if (options.sharing === 'private') {
    const content = await openPrivate(shared, location, options);
    return new OpenHandle(content, options, { show, allow }, () => content.dispose());
  }
  const { mount, inner } = location;
  let made = false;
  const content = await shared.files.hold(mount, inner, async (existing) => {
    const opened = await openShared(shared, location, options, existing);
    made = opened !== existing && opened.isNew;
    return opened;
  });
  // Not before it can be found under its name: whoever hears of it looks.
  if (made) await shared.changes.emit({ space: mount.space, path: inner, kind: 'entry', origin: options.origin });
  return new OpenHandle(content, options, { show, allow }, () => shared.files.release(content));
}

async function openShared(
  shared: Shared,
  location: Location,
  options: OpenOptions,
  existing: OpenContent | undefined,
): Promise<OpenContent> {
  const { mount, inner } = location;
  if (existing?.dirty) return reopen(existing, options);
  const entry = await existingFile(location, options);
  // Removed while we looked: what we saw may be older than that, and what is written to this one goes nowhere.
  if (existing?.gone) return openShared(shared, location, options, undefined);
  if (entry === undefined) {
    const content = new OpenContent(shared.content, mount, inner, undefined, options);
    await content.begin();
    return content;
  }
  if (existing === undefined || !(await existing.isCurrent(entry, options))) {
    const content = new OpenContent(shared.content, mount, inner, entry, options);
    return reopen(content, { truncate: options.truncate }).catch(async (error: unknown) => {
      await content.dispose();
      throw error;
    });
  }
  return reopen(existing, options);
}

async function reopen(content: OpenContent, options: Partial<OpenOptions>): Promise<OpenContent> {
  if (options.create && options.exclusive) throw new VfsError('EEXIST', 'open', content.path);
  if (options.truncate) await content.truncate(0);
  return content;
}

async function openPrivate(shared: Shared, location: Location, options: OpenOptions): Promise<OpenContent> {
  const { mount, inner } = location;
  const entry = await existingFile(location, options);
  if (entry !== undefined && !options.truncate) {
    return new OpenContent(shared.content, mount, inner, entry, options);
  }
  const content = new OpenContent(shared.content, mount, inner, undefined, {
    mode: options.mode,
    origin: options.origin,
    unconditional: !options.exclusive,
  });
  await content.begin();
  return content;
}

/** The file to open; undefined where it is to be created. */
async function existingFile({ mount, inner }: Location, options: OpenOptions): Promise<Entry | undefined> {
  const { driver } = mount;
  try {
    const entry = await driver.stat(inner, { signal: options.signal });
    if (options.create && options.exclusive) throw new VfsError('EEXIST', 'open', inner);
    if (entry.kind === 'directory') throw new VfsError('EISDIR', 'open', inner);
    if (entry.kind === 'symlink') throw new VfsError('ELOOP', 'open', inner);
    return entry;
  } catch (error) {
    if (!isVfsError(error, 'ENOENT') || !options.create) throw error;
  }
  // Said now, not when the content is put: a client may have written gigabytes by then.
  const parent = await driver.stat(parentOf(inner), { signal: options.signal });
  if (parent.kind !== 'directory') throw new VfsError('ENOTDIR', 'open', inner);
  return undefined;
}

class OpenHandle implements Handle {
  readonly #content: OpenContent;
  readonly #options: OpenOptions;
  readonly #show: (entry: Entry) => Node;
  readonly #allow: () => void;
  readonly #release: () => Promise<void>;
  #closed = false;

  constructor(
    content: OpenContent,
    options: OpenOptions,
    { show, allow }: { readonly show: (entry: Entry) => Node; readonly allow: () => void },
    release: () => Promise<void>,
  ) {
    this.#content = content;
    this.#options = options;
    this.#show = show;
    this.#allow = allow;
    this.#release = release;
  }

  async stat(): Promise<Node> {
    return this.#show(this.#open('stat').entry);
  }

  async read(position: number, into: Uint8Array, call?: Call): Promise<number> {
    return this.#open('read', this.#options.read === true).read(position, into, call);
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    await this.#open('write', this.#options.write === true).write(position, bytes);
  }

  async truncate(size: number): Promise<void> {
    await this.#open('truncate', this.#options.write === true).truncate(size);
  }

  async setattr(attributes: Attributes): Promise<Node> {
    const content = this.#open('setattr');
    this.#allow();
    return this.#show(await content.setattr(attributes, { origin: this.#options.origin }));
  }

  async commit(call?: Call): Promise<Node> {
    return this.#show(await this.#open('commit').commit({ ...call, origin: this.#options.origin }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#release();
  }

  #open(op: string, allowed = true): OpenContent {
    if (this.#closed || !allowed) throw new VfsError('EBADF', op, this.#content.path);
    return this.#content;
  }
}
