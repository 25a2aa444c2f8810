import type { Call } from '../core/bytes.js';
import { inWords } from '../core/in-words.js';
import type { Gauge, Meter } from '../core/meter.js';
import type { Job } from './job.js';

/** A mount as the probe sees it. */
export interface Probed {
  readonly at: string;
  /** Asks the storage for its root; rejects when it does not answer. */
  reach(call: Call): Promise<unknown>;
}

/** What the last probe found. */
export interface Reachability {
  readonly at: string;
  readonly up: boolean;
  /** One sentence, when it is not. */
  readonly reason?: string | undefined;
  /** What the storage or its driver threw: for the log, not for clients. */
  readonly error?: unknown;
  /** When it came or went, ms since 1970. */
  readonly since: number;
}

/**
 * Asks every storage for its root from time to time, so that one that nobody uses is known to be away, and one that
 * came back is used again. What it finds is behind /readyz and `isthmus_mount_up`.
 */
export class Probe implements Job {
  readonly name = 'probe';
  readonly schedule = '*/30 * * * * *';
  readonly atStart = false;
  readonly #mounts: () => readonly Probed[];
  readonly #patience: number;
  readonly #up: Gauge;
  #found = new Map<string, Reachability>();

  /** @param patience  ms that a storage may take */
  constructor(mounts: () => readonly Probed[], meter: Meter, patience = 10_000) {
    this.#mounts = mounts;
    this.#patience = patience;
    this.#up = meter.gauge('isthmus_mount_up', 'Whether the storage answered when it was last asked', ['mount']);
  }

  /** Every mount that was asked, by place. */
  get found(): readonly Reachability[] {
    return [...this.#found.values()];
  }

  async run(signal: AbortSignal, patience = this.#patience): Promise<object> {
    const mounts = this.#mounts();
    const found = await Promise.all(mounts.map((mount) => this.#ask(mount, signal, patience)));
    for (const { at } of this.#found.values()) {
      if (!mounts.some((mount) => mount.at === at)) this.#up.remove([at]);
    }
    this.#found = new Map(found.map((one) => [one.at, one]));
    for (const { at, up } of found) this.#up.set([at], up ? 1 : 0);
    return { up: found.filter(({ up }) => up).length, down: found.filter(({ up }) => !up).map(({ at }) => at) };
  }

  async #ask({ at, reach }: Probed, signal: AbortSignal, patience: number): Promise<Reachability> {
    const before = this.#found.get(at);
    const call = new AbortController();
    const cancel = () => call.abort();
    signal.addEventListener('abort', cancel, { once: true });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Failed>((resolve) => {
      timer = setTimeout(() => {
        // A storage that ignores its signal must not hold the others up.
        resolve({ reason: `no answer within ${patience / 1000} s` });
        cancel();
      }, patience);
    });
    const asked = reach({ signal: call.signal }).then(
      () => undefined,
      (error: unknown): Failed => ({ reason: inWords(error), error }),
    );
    const failed = await Promise.race([asked, late]);
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    const up = failed === undefined;
    return { at, up, ...failed, since: before?.up === up ? before.since : Date.now() };
  }
}

type Failed = Pick<Reachability, 'error'> & { readonly reason: string };
