import type { Call } from '../core/bytes.js';
import type { Entry } from '../core/entry.js';
import { ROOT } from '../core/path.js';
import type { Mount } from './mount.js';

/** How long a mount point waits for its storage before it shows what was last known of it, in ms. */
const PATIENCE = 300;

/**
 * The entry of a mount's root. A mount point shows whatever its storage does: the root listing must not wait for a
 * dead one, and what is not reachable is not gone (promises 3 and 4).
 */
export async function mountRoot(mount: Mount, call?: Call): Promise<Entry> {
  const asked = mount.driver.stat(ROOT, call).then(
    (entry) => {
      mount.lastRoot = entry;
    },
    () => {}, // what keeps it away is told by whatever goes inside
  );
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  await Promise.race([asked, enough]);
  clearTimeout(timer);
  return mount.lastRoot;
}
