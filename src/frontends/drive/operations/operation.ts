import type { Request } from '../request.js';
import type { Volume } from '../volume.js';

/**
 * What the daemon does for one kind of request. It answers through `request`; what it throws is answered by the error
 * table. A message must be decoded before the first `await`: its slot is used again then (see Request.keep).
 */
export type Operation = (request: Request, volume: Volume) => Promise<void> | void;
