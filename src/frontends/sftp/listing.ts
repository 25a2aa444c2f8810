import type { Path } from '../../core/path.js';
import type { Node } from '../../vfs/view.js';

/** Entries in one NAME packet: about 30 KiB, a tenth of what clients take. */
const PAGE = 100;

/**
 * A folder that is being read, page by page as the client asks. A listing that breaks off throws each time from then
 * on; it never looks like the end.
 */
export class Listing {
  readonly path: Path;
  readonly #pages: AsyncIterator<readonly Node[]>;
  readonly #after: () => Promise<readonly Node[]>;
  #nodes: readonly Node[] = [];
  #next = 0;
  #ended = false;
  #error: unknown;

  /**
   * @param after  nodes that belong to the folder although the storage does not list them; asked at the end
   */
  constructor(path: Path, pages: AsyncIterable<readonly Node[]>, after: () => Promise<readonly Node[]>) {
    this.path = path;
    this.#pages = pages[Symbol.asyncIterator]();
    this.#after = after;
  }

  /** Asks for the first page, so that a missing folder is an error of OPENDIR. */
  async open(): Promise<void> {
    await this.#fetch();
  }

  /** Up to 100 nodes; none at the end. */
  async read(): Promise<readonly Node[]> {
    if (this.#error !== undefined) throw this.#error;
    while (this.#next >= this.#nodes.length && !this.#ended) await this.#fetch();
    const page = this.#nodes.slice(this.#next, this.#next + PAGE);
    this.#next += page.length;
    return page;
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#pages.return?.();
  }

  async #fetch(): Promise<void> {
    try {
      const { done, value } = await this.#pages.next();
      this.#nodes = done === true ? await this.#after() : value;
      this.#next = 0;
      this.#ended = done === true;
    } catch (error) {
      this.#error = error;
      this.#ended = true;
      throw error;
    }
  }
}
