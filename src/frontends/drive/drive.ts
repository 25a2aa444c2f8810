import { writeFile } from 'node:fs/promises';
import type { Logger } from '../../core/log.js';
import type { Meter } from '../../core/meter.js';
import type { View } from '../../vfs/view.js';
import { type Frontend, StartError } from '../frontend.js';
import { type Binding, loadBinding } from './binding.js';
import { ChangeNotifier } from './changes.js';
import { DriveMetrics } from './metrics.js';
import { mountsAt } from './mount-table.js';
import { FILE_SYSTEM_TYPE, mount, preparePoint, requireFuse, unmount } from './mounting.js';
import { Session } from './session.js';
import { usersOf } from './users.js';
import { Volume } from './volume.js';

export interface DriveOptions {
  /** The folder of the host to mount on; made when missing. */
  readonly path: string;
  readonly view: View;
  /** Let other accounts of the host in, as far as permissions go. */
  readonly allowOther: boolean;
  /** Whose the files are that belong to nobody at their storage, and who may enter without `allowOther`. */
  readonly uid: number;
  readonly gid: number;
  /** Bits taken off 0666 and 0777 where a storage has no permissions. */
  readonly umask: number;
  /** Seconds for which the kernel may believe what it was told (promise 6: changes behind our back). */
  readonly maxAge: number;
  /** KiB that the kernel reads ahead of a program that reads in order; needs root. With 20 ms to the storage, 128 KiB
   *  gave 12 MB/s and 4 MiB 292. */
  readonly readAhead?: number;
  readonly meter: Meter;
  readonly log: Logger;
}

const READ_AHEAD_KIB = 4096;
/** The kernel asks for INIT at once; a minute is for machines that swap. */
const INIT_MS = 60_000;

/** The drive: a view as a folder of the host. */
export class Drive implements Frontend {
  readonly name = 'drive';
  readonly #options: DriveOptions;
  readonly #log: Logger;
  #running: Running | undefined;

  constructor(options: DriveOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  async start(): Promise<string> {
    const { path, view, allowOther, uid, gid, umask, maxAge, meter } = this.#options;
    const binding = loadBinding();
    await requireFuse();
    const target = await preparePoint(binding, path, this.#log);
    const volume = new Volume(view, { uid, gid, umask }, maxAge, this);
    const fd = await mount(binding, target, { allowOther, uid, gid });
    let ready = () => {};
    let end = () => {};
    const initialised = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const session = new Session(fd, {
      binding,
      volume,
      metrics: new DriveMetrics(meter),
      log: this.#log,
      onReady: () => ready(),
      onEnd: (reason) => {
        end();
        if (this.#running?.session === session)
          this.#log.warn({ path: target, reason }, 'drive: unmounted by somebody');
      },
    });
    const notifier = new ChangeNotifier(volume, (message) => session.notify(message), this.#log);
    const unsubscribe = view.onChange(notifier.onChange);
    this.#running = { binding, target, volume, session, notifier, unsubscribe };
    if (!(await within(Promise.race([initialised, ended]), INIT_MS))) {
      await this.stop(Date.now());
      throw new StartError(`drive ${path}: the kernel does not answer`);
    }
    await this.#readAhead(target);
    return target;
  }

  async stop(deadline: number): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const { binding, target, session, volume, notifier, unsubscribe } = running;
    try {
      if (!(await unmount(binding, target, false))) {
        const users = await usersOf(target);
        this.#log.warn({ path: target, users }, 'drive: still in use; detaching it');
        await unmount(binding, target, true);
      }
    } catch (error) {
      this.#log.error({ path: target, err: error }, 'drive: cannot be unmounted');
    }
    await session.drain(deadline);
    unsubscribe();
    await this.#keepWritten(volume, deadline);
    // Read on, and refuse, until the last notice is through: it may wait for a lock that is held for a request.
    session.refuse();
    await within(
      notifier.idle().then(() => session.close()),
      1000,
    );
    await volume.directories.closeAll();
  }

  /** What programs wrote that still have files open is as good as closed. */
  async #keepWritten(volume: Volume, deadline: number): Promise<void> {
    const signal = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
    await Promise.all(
      volume.files.all().map(async ({ handle, writable, inode }) => {
        try {
          if (writable) await handle.commit({ signal });
        } catch (error) {
          this.#log.error({ node: inode.id, err: error }, 'drive: what was written could not be kept');
        } finally {
          await handle.close().catch((error: unknown) => this.#log.error({ err: error }, 'drive: close failed'));
        }
      }),
    );
  }

  async #readAhead(target: string): Promise<void> {
    const kib = this.#options.readAhead ?? READ_AHEAD_KIB;
    try {
      const line = (await mountsAt(target)).findLast(({ type }) => type === FILE_SYSTEM_TYPE);
      if (line !== undefined) await writeFile(`/sys/class/bdi/${line.device}/read_ahead_kb`, String(kib));
    } catch (error) {
      this.#log.debug({ err: error }, 'drive: read-ahead stays as the kernel has it');
    }
  }
}

interface Running {
  readonly binding: Binding;
  readonly target: string;
  readonly volume: Volume;
  readonly session: Session;
  readonly notifier: ChangeNotifier;
  readonly unsubscribe: () => void;
}

/** Whether `promise` resolved within `ms`. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
