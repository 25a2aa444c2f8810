import { VfsError } from '../../src/core/errors.js';
import { type Path, parentOf, ROOT } from '../../src/core/path.js';
import { MalformedPacket } from './packet.js';
import { ConnectionLost, type SftpSession } from './session.js';

const TRUSTED_MS = 10_000;
const MOST = 10_000;

/**
 * Sees to it that no symbolic link among the parents leads elsewhere, out of the root above all (lesson 13). The server resolves
 * them as it likes, so it is asked where a folder really is; that holds for ten seconds, or until we change something
 * that a link could come from. A link that somebody else makes at the server within that time is followed.
 */
export class Parents {
  readonly #real = new Map<Path, number>();

  /** @throws VfsError ELOOP */
  async check(session: SftpSession, root: string, path: Path, op: string): Promise<void> {
    const parent = parentOf(path);
    if (parent === ROOT) return;
    const seen = this.#real.get(parent);
    if (seen !== undefined && performance.now() - seen < TRUSTED_MS) return;
    const expected = root === '/' ? parent : root + parent;
    let found: string;
    try {
      found = (await session.realpath(expected)).toString();
    } catch (error) {
      if (error instanceof ConnectionLost || error instanceof MalformedPacket) throw error;
      return; // missing or no folder: the call itself says which
    }
    if (found !== expected) {
      throw new VfsError('ELOOP', op, path, { detail: 'a symbolic link among the parents is not followed' });
    }
    if (this.#real.size >= MOST) this.#real.clear();
    this.#real.set(parent, performance.now());
  }

  /** To be called before and after what makes a link, or moves a folder. */
  forget(): void {
    this.#real.clear();
  }
}
