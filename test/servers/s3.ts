import { isInstalled } from './process.js';
import { type S3Server, startRadosgw } from './radosgw.js';
import { startSwift } from './swift.js';

/**
 * The S3 servers that tests run against. For an ordinary user outside of CI those that cannot run here are left out,
 * and said so; everybody else must have them.
 */
export function s3Starters(): ReadonlyMap<string, () => Promise<S3Server>> {
  const isRoot = process.getuid?.() === 0;
  const all: readonly [name: string, start: () => Promise<S3Server>, runs: boolean][] = [
    ['radosgw', startRadosgw, isInstalled('radosgw')],
    ['swift', startSwift, isInstalled('swift-proxy-server') && isRoot],
  ];
  const must = isRoot || process.env.CI === 'true';
  const starters = new Map<string, () => Promise<S3Server>>();
  for (const [name, start, runs] of all) {
    if (must || runs) starters.set(name, start);
    else console.error(`not run: tests against ${name}, which is not installed or needs root`);
  }
  return starters;
}
