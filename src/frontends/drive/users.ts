import { readdir, readFile, readlink } from 'node:fs/promises';

/** As many as fit in a line of the log. */
const ENOUGH = 10;

/**
 * Programs that have something below `target` open, or stand in it, as `name (pid)`: what can be found out without
 * touching `target`, which this process serves. Best effort; an ordinary user sees only their own.
 */
export async function usersOf(target: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    if (!(await uses(`/proc/${pid}`, target))) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
    found.push(`${name.trim()} (${pid})`);
    if (found.length === ENOUGH) break;
  }
  return found;
}

async function uses(process: string, target: string): Promise<boolean> {
  const below = (link: string) => link === target || link.startsWith(`${target}/`);
  // Reading the links does not follow them.
  for (const each of ['cwd', 'root', 'exe']) {
    if (below(await readlink(`${process}/${each}`).catch(() => ''))) return true;
  }
  for (const fd of await readdir(`${process}/fd`).catch(() => [])) {
    if (below(await readlink(`${process}/fd/${fd}`).catch(() => ''))) return true;
  }
  const maps = await readFile(`${process}/maps`, 'utf8').catch(() => '');
  return maps.includes(` ${target}/`);
}
