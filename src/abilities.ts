import type { Driver } from '../mounts/driver.js';

/** In the words of people, from the methods a driver has and the traits it declares. */
export function abilities(driver: Driver): { can: readonly string[]; cannot: readonly string[] } {
  const { traits } = driver;
  const words: readonly (readonly [boolean, string])[] = [
    [true, 'read and write whole files'],
    [driver.open !== undefined, 'read at any position of an open file'],
    [driver.replace !== undefined, 'write at any position without a copy here'],
    [driver.rename !== undefined, 'rename'],
    [traits.atomicRename, 'replace by rename at once'],
    [driver.copy !== undefined, 'copy inside the storage'],
    [traits.atomicConditions, 'refuse a lost update by itself'],
    [traits.mtimeStep !== undefined, `keep modification times${step(traits.mtimeStep)}`],
    [driver.setattr !== undefined, 'change attributes'],
    [traits.permissions, 'keep permissions and owners'],
    [driver.symlink !== undefined, 'symbolic links'],
    [driver.link !== undefined, 'hard links'],
    [traits.caseSensitive, 'tell upper from lower case'],
    [driver.statfs !== undefined, 'tell its free space'],
  ];
  return {
    can: words.filter(([able]) => able).map(([, what]) => what),
    cannot: words.filter(([able]) => !able).map(([, what]) => what),
  };
}

function step(ms: number | undefined): string {
  if (ms === undefined || ms < 1) return '';
  return ms < 1000 ? ` (in steps of ${ms} ms)` : ` (in steps of ${ms / 1000} s)`;
}
