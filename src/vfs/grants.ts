import type { Principal } from '../auth/principal.js';
import type { Mount } from './mount.js';

/** Why a principal sees a mount, or does not; `explain` prints it. */
export interface Decision {
  readonly allowed: boolean;
  readonly because: string;
}

/** Whether the mount is for this principal at all. */
export function maySee(principal: Principal, mount: Mount): Decision {
  const { audience } = mount;
  if (mount.space.startsWith('home:')) {
    const own = mount.space === `home:${principal.name}`;
    return { allowed: own, because: own ? 'it is their home' : 'it is the home of somebody else' };
  }
  if (audience === undefined) return { allowed: true, because: 'the mount is for everyone' };
  if (audience.users.includes(principal.name)) {
    return { allowed: true, because: `the mount is for user ${principal.name}` };
  }
  const group = principal.groups.find((name) => audience.groups.includes(name));
  if (group !== undefined) return { allowed: true, because: `the mount is for group ${group}, which they are in` };
  return { allowed: false, because: 'the mount is for other users and groups only' };
}

/** Whether somebody who sees the mount may change what is on it. */
export function mayChange(mount: Mount): Decision {
  return mount.readOnly
    ? { allowed: false, because: 'the mount is read-only (readOnly: true)' }
    : { allowed: true, because: 'the mount is not read-only' };
}
