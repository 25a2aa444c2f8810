import { abilities } from './abilities.js';
import type { MountReport, Mounts, MountTest } from './admin/mounts.js';
import type { Call } from './core/bytes.js';
import { VfsError } from './core/errors.js';
import { inWords, inWordsWithCause } from './core/in-words.js';
import { ROOT } from './core/path.js';
import type { Probe } from './jobs/probe.js';
import type { MountSet } from './mount-set.js';

/** How long a storage may take when somebody waits for the answer, in ms. */
const PATIENCE = 10_000;

/** What the admin socket may ask of the mounts. */
export class MountAdmin implements Mounts {
  readonly #mounts: MountSet;
  readonly #probe: Probe;

  constructor(mounts: MountSet, probe: Probe) {
    this.#mounts = mounts;
    this.#probe = probe;
  }

  list(): readonly MountReport[] {
    return this.#mounts.all.map(({ at, kind, readOnly, audience, driver }) => {
      const found = this.#probe.found.find((one) => one.at === at);
      const state = driver.state();
      // The breaker hears of trouble before the next probe does.
      const down = found?.up === false || state.breaker === 'open';
      return {
        at,
        driver: kind,
        readOnly,
        for: audience,
        state: down ? 'down' : found === undefined ? 'unknown' : 'up',
        since: found && new Date(state.breaker === 'open' ? state.since : found.since).toISOString(),
        lastError: down ? (found?.reason ?? inWords(state.lastError)) : undefined,
        ...abilities(driver),
      };
    });
  }

  async test(at: string, { signal }: Call): Promise<MountTest> {
    const mount = this.#mounts.all.find((one) => one.at === at);
    if (mount === undefined) throw new VfsError('ENOENT', 'mount test', at, { detail: `nothing is mounted at ${at}` });
    const began = performance.now();
    const call = new AbortController();
    const cancel = () => call.abort();
    signal?.addEventListener('abort', cancel, { once: true });
    const timer = setTimeout(cancel, PATIENCE);
    const reason = await mount.driver.stat(ROOT, { signal: call.signal }).then(() => undefined, inWordsWithCause);
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    const milliseconds = Math.round(performance.now() - began);
    const late = milliseconds >= PATIENCE ? `no answer within ${PATIENCE / 1000} s` : reason;
    return { at, reachable: reason === undefined, reason: reason && late, milliseconds };
  }
}
