import { readFile } from 'node:fs/promises';

/** A line of /proc/self/mountinfo (proc(5)). */
export interface MountLine {
  /** `major:minor` of the superblock, which names its folder in /sys/class/bdi. */
  readonly device: string;
  readonly target: string;
  readonly type: string;
  readonly source: string;
}

/** @param text  the content of /proc/self/mountinfo; lines that make no sense are left out */
export function parseMountInfo(text: string): MountLine[] {
  const lines: MountLine[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [device, target, type, source] = [fields[2], fields[4], fields[dash + 1], fields[dash + 2]];
    if (dash < 0 || device === undefined || target === undefined || type === undefined) continue;
    lines.push({ device, target: plain(target), type, source: plain(source ?? '') });
  }
  return lines;
}

/** Space, tab, newline and backslash are written in octal. */
function plain(field: string): string {
  if (!field.includes('\\')) return field;
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** What is mounted exactly at `target`, the uppermost last. */
export async function mountsAt(target: string): Promise<MountLine[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMountInfo(text).filter((line) => line.target === target);
}
