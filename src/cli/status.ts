import type { Command } from 'commander';
import { daemonCommand, daemonOf, tell } from './ask-daemon.js';
import type { CommonOptions, Hands } from './hands.js';
import { type MountAnswer, mountTable } from './mount-table.js';
import { printable } from './table.js';

interface StatusAnswer {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  /** ISO 8601 */
  readonly started: string;
  readonly memoryBytes: number;
  readonly openFiles: number;
  readonly database: { readonly file: string; readonly engine: string };
  readonly doors: readonly { readonly name: string; readonly where: string }[];
  readonly mounts: readonly MountAnswer[];
}

/** `isthmus status`: how the daemon is. Exit code 1 when a mount is down. */
export function statusCommand(program: Command, hands: Hands, exit: (code: number) => void): void {
  daemonCommand(program, 'status', 'health of the running daemon').action(async (options: CommonOptions) => {
    const answer = await daemonOf(hands, options).call<StatusAnswer>('status');
    tell(hands, options, answer, inWords);
    exit(answer.mounts.some(({ state }) => state === 'down') ? 1 : 0);
  });
}

function inWords(answer: StatusAnswer): string {
  const up = since(Date.now() - Date.parse(answer.started));
  const lines = [
    `isthmus ${answer.version} on ${printable(answer.node)}, pid ${answer.pid}, up ${up}`,
    `memory ${Math.round(answer.memoryBytes / 2 ** 20)} MiB, ${answer.openFiles} open files`,
    `database ${printable(answer.database.file)} (${answer.database.engine})`,
    ...answer.doors.map(({ name, where }) => `${name.padEnd(8)} ${printable(where)}`),
  ];
  return `${lines.join('\n')}\n\n${mountTable(answer.mounts)}`;
}

/** `3d 4h`, `5m 2s`: the two largest units. */
function since(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  const told = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return told.map(([count, letter]) => `${count}${letter}`).join(' ');
}
