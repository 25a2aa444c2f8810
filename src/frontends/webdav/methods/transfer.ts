import { randomBytes } from 'node:crypto';
import { isVfsError } from '../../../core/errors.js';
import { isWithin, join, type Path, parentOf } from '../../../core/path.js';
import { depthOf, type Exchange, guard, type Method, reply, statOrNone } from '../exchange.js';
import { Refusal } from '../refusal.js';
import { destinationOf } from '../urls.js';

/** COPY (RFC 4918 §9.8). */
export const copy: Method = (exchange) => transfer(exchange, 'copy');
/** MOVE (RFC 4918 §9.9). */
export const move: Method = (exchange) => transfer(exchange, 'move');

async function transfer(exchange: Exchange, verb: 'copy' | 'move'): Promise<void> {
  const { request, view, path, space, call } = exchange;
  const to = destinationOf(request, space);
  const noReplace = !overwriteOf(request.headers.overwrite);
  const depth = depthOf(request);
  if (depth === undefined || depth === '1') throw new Refusal(400, { detail: 'Depth is 0 or infinity' });
  const source = await statOrNone(view, path, call.signal);
  // ENOENT from here on is the parent of the destination.
  if (source === undefined) throw new Refusal(404);
  const folder = source.kind === 'directory';
  // §9.9.2: a MOVE of a folder is always of all of it.
  if (verb === 'move' && folder && depth !== 'infinity') throw new Refusal(400, { detail: 'Depth is infinity' });
  if (isWithin(to, path) || isWithin(path, to)) throw new Refusal(403, { detail: 'one lies in the other' });
  await guard(exchange);
  const target = await statOrNone(view, to, call.signal);
  if (target !== undefined && noReplace) throw new Refusal(412);
  const run = async (): Promise<void> => {
    if (verb === 'copy') await view.copy(path, to, { ...call, noReplace, deep: depth === 'infinity' });
    else await view.move(path, to, { ...call, noReplace });
  };
  if (target !== undefined && (folder || target.kind === 'directory')) await replaceTree(exchange, to, verb, run);
  else await run();
  reply(exchange, target === undefined ? 201 : 204);
}

/**
 * Puts something in the place of a whole tree. Overwriting a folder means that nothing of the old one is left
 * (§9.8.4), and a failure must not cost the old one: it is moved aside first and removed last. Where a storage cannot
 * rename a folder, there is nothing but to remove it before.
 */
async function replaceTree(
  { view, call }: Exchange,
  to: Path,
  verb: 'copy' | 'move',
  run: () => Promise<void>,
): Promise<void> {
  const aside = join(parentOf(to), `.replaced-${randomBytes(8).toString('hex')}`);
  try {
    await view.rename(to, aside, { ...call, noReplace: true });
  } catch (error) {
    if (!isVfsError(error, 'ENOTSUP', 'EXDEV')) throw error;
    await view.removeTree(to, call);
    return run();
  }
  // What puts the old one back must run to its end, whether or not the client is still there.
  const { signal: _, ...unhurried } = call;
  try {
    await run();
  } catch (error) {
    // What a failed move left at the destination may be all there is of it: only a copy may go.
    if (verb === 'copy') await view.removeTree(to, unhurried).catch(() => {});
    await view.rename(aside, to, { ...unhurried, noReplace: true }).catch(() => {});
    throw error;
  }
  await view.removeTree(aside, unhurried);
}

function overwriteOf(header: string | readonly string[] | undefined): boolean {
  if (header === undefined || header === 'T' || header === 't') return true;
  if (header === 'F' || header === 'f') return false;
  throw new Refusal(400, { detail: 'Overwrite is T or F' });
}
