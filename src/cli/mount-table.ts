import { table } from './table.js';

/** A mount as the daemon tells it. */
export interface MountAnswer {
  readonly at: string;
  readonly driver: string;
  readonly readOnly: boolean;
  readonly for?: { readonly users: readonly string[]; readonly groups: readonly string[] };
  readonly state: 'up' | 'down' | 'unknown';
  readonly since?: string;
  readonly lastError?: string;
}

export function mountTable(mounts: readonly MountAnswer[]): string {
  return table(
    ['mount', 'driver', 'state', 'since', 'access', 'for', 'trouble'],
    mounts.map((mount) => [
      mount.at,
      mount.driver,
      mount.state,
      mount.since?.replace(/\.\d+Z$/, 'Z') ?? '-',
      mount.readOnly ? 'read-only' : 'read-write',
      mount.for === undefined
        ? 'everyone'
        : [...mount.for.users, ...mount.for.groups.map((g) => `group:${g}`)].join(','),
      mount.lastError ?? '',
    ]),
    'no mounts: every user sees their home only',
  );
}
