import type { Driver } from '../../mounts/driver.js';
import type { Entry } from '../core/entry.js';
import type { Logger } from '../core/log.js';
import { concat, isWithin, type Path, parentOf, relativeTo } from '../core/path.js';
import type { Mount } from './mount.js';
import type { OpenContent } from './open-content.js';

/** The contents that shared handles hold, by the path they have now. */
export class OpenFiles {
  readonly #contents = new Map<string, OpenContent>();
  readonly #holders = new Map<OpenContent, number>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #log: Logger;
  #renames: Promise<void> = Promise.resolve();

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#holders.size;
  }

  get(mount: Mount, path: Path): OpenContent | undefined {
    return this.#contents.get(keyOf(mount, path));
  }

  /** The contents on `path` and below it. */
  within(mount: Mount, path: Path): OpenContent[] {
    if (this.#contents.size === 0) return [];
    return [...this.#contents.values()].filter((one) => one.mount === mount && isWithin(one.path, path));
  }

  /** Files that were created in a folder and are not at the storage yet. */
  newIn(mount: Mount, folder: Path): OpenContent[] {
    if (this.#contents.size === 0) return [];
    return [...this.#contents.values()].filter(
      (one) => one.mount === mount && one.isNew && parentOf(one.path) === folder,
    );
  }

  /** Joins the content that is open on the path, or opens one; one caller at a time per path. */
  async hold(
    mount: Mount,
    path: Path,
    open: (existing: OpenContent | undefined) => Promise<OpenContent>,
  ): Promise<OpenContent> {
    const key = keyOf(mount, path);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(async () => {
      const existing = this.#contents.get(key);
      if (existing !== undefined) this.#count(existing, 1); // not to be closed while we look
      try {
        const content = await open(existing);
        if (content !== existing) {
          this.#count(content, 1);
          if (existing !== undefined) await this.release(existing);
          this.#contents.set(key, content);
        }
        return content;
      } catch (error) {
        if (existing !== undefined) await this.release(existing);
        throw error;
      }
    });
    const settled = turn.catch(() => {});
    this.#turns.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }

  /**
   * Lets go of a content. The last holder commits what is still uncommitted (pages that the kernel wrote after the
   * close); when that fails there is nobody left to tell but the log.
   */
  async release(content: OpenContent): Promise<void> {
    const last = () => this.#holders.get(content) === 1;
    // Again and again: while one commit is told to everyone, somebody may open, write and close.
    while (last() && content.dirty) {
      try {
        await content.commit();
      } catch (error) {
        if (!last()) break;
        this.#log.error(
          { mount: content.mount.at, path: content.path, bytes: content.entry.size, err: error },
          'what was written after the last close could not be stored and is lost',
        );
        break;
      }
    }
    if (this.#count(content, -1) > 0) return;
    this.forget(content);
    await content.dispose();
  }

  /** Commits what is being written through any of `drivers`, which are about to be closed. */
  async settle(drivers: ReadonlySet<Driver>, signal: AbortSignal): Promise<void> {
    const written = [...this.#holders.keys()].filter(({ dirty, mount }) => dirty && drivers.has(mount.driver));
    await Promise.all(
      written.map((content) =>
        content.commit({ signal }).catch((error: unknown) => {
          const { mount, path } = content;
          this.#log.error({ mount: mount.at, path, err: error }, 'what is being written on a mount that goes is lost');
        }),
      ),
    );
  }

  /** Takes the name away from a content; its holders keep it. */
  forget(content: OpenContent): void {
    const key = keyOf(content.mount, content.path);
    if (this.#contents.get(key) === content) this.#contents.delete(key);
  }

  /** Runs `act`, a rename at the storage, with every content on the way held still and renamed along. */
  async moving(mount: Mount, from: Path, to: Path, act: () => Promise<void>): Promise<void> {
    const untouched = () => this.get(mount, to) === undefined && this.within(mount, from).length === 0;
    if (untouched()) return act();
    // One at a time: two renames that cross would each hold what the other waits for.
    const turn = this.#renames.then(() => this.#movingAlone(mount, from, to, act));
    this.#renames = turn.catch(() => {});
    return turn;
  }

  async #movingAlone(mount: Mount, from: Path, to: Path, act: () => Promise<void>): Promise<void> {
    const replaced = this.get(mount, to);
    const moved = this.within(mount, from);
    for (const content of moved) if (content.dirty && content.path === from) await content.commit();
    const rename = moved.reduce<() => Promise<void>>(
      (inner, content) => () => {
        this.forget(content);
        const target = concat(to, relativeTo(content.path, from));
        return content.moving(target, inner).finally(() => {
          this.#contents.set(keyOf(mount, content.path), content);
        });
      },
      act,
    );
    if (replaced === undefined || moved.includes(replaced)) return rename();
    await replaced.replacedBy(rename);
    this.forget(replaced);
  }

  /** Runs `act`, an unlink at the storage. */
  async removing(mount: Mount, path: Path, act: () => Promise<void>): Promise<void> {
    const content = this.get(mount, path);
    if (content === undefined) return act();
    await content.removing(act);
    this.forget(content);
  }

  /** Another content is under the path now; whoever reads the old one keeps it. */
  async replaced(mount: Mount, path: Path, entry: Entry): Promise<void> {
    const content = this.get(mount, path);
    // Where the storage does not say, the old one is left to its holders: their commits are conditional.
    const current = await content?.isCurrent(entry).catch(() => false);
    if (content !== undefined && !current) this.forget(content);
  }

  #count(content: OpenContent, by: number): number {
    const count = (this.#holders.get(content) ?? 0) + by;
    if (count > 0) this.#holders.set(content, count);
    else this.#holders.delete(content);
    return count;
  }
}

function keyOf(mount: Mount, path: Path): string {
  // Not its space: a mount that a reload replaced leaves its name to another storage, and its contents to their holders.
  return `${mount.device}\0${path}`;
}
