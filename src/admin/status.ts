import type { Store } from '../store/store.js';
import type { MountReport, Mounts } from './mounts.js';

/** Who knows how the daemon stands; the daemon gives it. */
export interface NodeState {
  readonly node: string;
  readonly version: string;
  /** ms since 1970 */
  readonly started: number;
  /** Front ends, and where clients find them or why they are off, as in the ready line. */
  doors(): readonly { readonly name: string; readonly where: string }[];
  /** Files held open through the namespace. */
  openFiles(): number;
}

export interface StatusReport {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  readonly memoryBytes: number;
  readonly openFiles: number;
  readonly database: { readonly file: string; readonly engine: string };
  readonly doors: readonly { readonly name: string; readonly where: string }[];
  readonly mounts: readonly MountReport[];
}

export function statusOf(state: NodeState, mounts: Mounts, store: Pick<Store, 'file' | 'engine'>): StatusReport {
  return {
    node: state.node,
    version: state.version,
    pid: process.pid,
    started: new Date(state.started).toISOString(),
    memoryBytes: process.memoryUsage.rss(),
    openFiles: state.openFiles(),
    database: { file: store.file, engine: store.engine },
    doors: state.doors(),
    mounts: mounts.list(),
  };
}
