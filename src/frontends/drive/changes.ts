import type { Logger } from '../../core/log.js';
import { nameOf, parentOf } from '../../core/path.js';
import type { ViewChange } from '../../vfs/view.js';
import type { Inode } from './inodes.js';
import { encodeInvalidAttributes, encodeInvalidEntry } from './protocol/replies.js';
import type { Volume } from './volume.js';

/**
 * Tells the kernel what other front ends changed, so that it forgets what it has cached of it: one message after the
 * other, in order.
 */
export class ChangeNotifier {
  readonly #volume: Volume;
  readonly #notify: (message: Uint8Array) => Promise<void>;
  readonly #log: Logger;
  /** By content, so that a name that changes often waits in it once. */
  readonly #queue = new Map<string, Buffer>();
  #sending: Promise<void> | undefined;

  constructor(volume: Volume, notify: (message: Uint8Array) => Promise<void>, log: Logger) {
    this.#volume = volume;
    this.#notify = notify;
    this.#log = log;
  }

  /** For View.onChange: the promise resolves when the kernel was told. */
  readonly onChange = (change: ViewChange): Promise<void> | undefined => {
    if (change.origin === this.#volume.origin) return undefined;
    this.#collect(change);
    return this.#sending;
  };

  #collect(change: ViewChange): void {
    const { inodes } = this.#volume;
    this.#volume.foreignChanges++;
    const parent = inodes.find(parentOf(change.path));
    const inode = inodes.find(change.path);
    if (change.kind === 'tree') {
      if (inode !== undefined) this.#forgetBelow(inode);
    } else if (inode !== undefined) {
      this.#forgetContent(inode, change.kind === 'entry');
    }
    if (parent === undefined || inode === inodes.root) return;
    if (change.kind !== 'content') {
      this.#entry(parent, nameOf(change.path));
      this.#attributes(parent);
    }
  }

  /** Resolves when all that was to be told is told. */
  async idle(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  /** Who has the old content open keeps it, with a node of its own; the name gets another at the next look-up. */
  #forgetContent(inode: Inode, replaced: boolean): void {
    inode.cached = undefined;
    this.#attributes(inode);
    if (inode.kind === 'directory' || (inode.opened === 0 && !replaced)) return;
    for (const { parent, name } of [...inode.names]) {
      this.#entry(parent, name);
      this.#volume.inodes.unbind(parent, name);
    }
  }

  #forgetBelow(inode: Inode): void {
    for (const [name, child] of [...(inode.children ?? [])]) {
      this.#entry(inode, name);
      if (child.kind === 'directory') this.#forgetBelow(child);
      this.#forgetContent(child, true);
    }
    this.#attributes(inode);
  }

  #entry(parent: Inode, name: string): void {
    this.#add(`e${parent.id}/${name}`, () => encodeInvalidEntry(parent.id, name));
  }

  #attributes(inode: Inode): void {
    this.#add(`a${inode.id}`, () => encodeInvalidAttributes(inode.id));
  }

  #add(key: string, message: () => Buffer): void {
    if (!this.#queue.has(key)) this.#queue.set(key, message());
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    // A fresh task: the change that brought us here is to be finished first, and more of its kind may follow.
    await new Promise(setImmediate);
    for (const [key, message] of this.#queue) {
      this.#queue.delete(key);
      try {
        await this.#notify(message);
      } catch (error) {
        // ENOENT: the kernel knew nothing of it.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          this.#log.debug({ err: error }, 'drive: no notice taken');
      }
    }
    this.#sending = undefined;
  }
}
