import { isVfsError } from '../../../core/errors.js';
import { isWithin, join, nameOf, type Path, parentOf } from '../../../core/path.js';
import { markedName } from '../../../vfs/marked-name.js';
import type { Node, View } from '../../../vfs/view.js';
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
  if (target !== undefined && (folder || target.kind === 'directory'))
    await replaceTree(exchange, to, target, verb, run);
  else await run();
  reply(exchange, target === undefined ? 201 : 204);
}

/**
 * Puts something in the place of a whole tree. Overwriting a folder means that nothing of the old one is left
 * (§9.8.4), and a failure must not cost the old one: it is moved aside first and removed last. Where a storage cannot
 * rename a folder, there is nothing but to remove it before. Who is killed in between leaves the old one under a name
 * that says what it is: it is the user's, and nobody but the user can tell whether the new one is whole.
 */
async function replaceTree(
  { view, call, request, log }: Exchange,
  to: Path,
  old: Node,
  verb: 'copy' | 'move',
  run: () => Promise<void>,
): Promise<void> {
  const aside = await moveAside(view, to, old, call);
  if (aside === undefined) {
    await view.removeTree(to, call);
    return run();
  }
  const fields = { id: request.id, path: to, aside };
  log.info(fields, 'what is overwritten stands aside until the new one is whole');
  // What puts the old one back must run to its end, whether or not the client is still there.
  const { signal: _, ...unhurried } = call;
  try {
    await run();
  } catch (error) {
    // What a failed move left at the destination may be all there is of it: only a copy may go.
    if (verb === 'copy') await view.removeTree(to, unhurried).catch(() => {});
    await view
      .rename(aside, to, { ...unhurried, noReplace: true })
      .catch((err: unknown) => log.warn({ ...fields, err }, 'what was to be overwritten stays aside'));
    throw error;
  }
  await view.removeTree(aside, unhurried).catch((err: unknown) => {
    log.warn({ ...fields, err }, 'what was overwritten could not be removed and stays aside');
    throw err;
  });
}

/** How many replacements of one name within a second find a name each. */
const MOST_ASIDE = 10;

/** @returns where it is now; undefined where the storage cannot rename it */
async function moveAside(view: View, path: Path, node: Node, call: Exchange['call']): Promise<Path | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    const mark = { what: 'replaced', when: new Date(), attempt };
    const aside = join(parentOf(path), markedName(nameOf(path), mark, node.kind === 'directory'));
    try {
      await view.rename(path, aside, { ...call, noReplace: true });
      return aside;
    } catch (error) {
      if (isVfsError(error, 'ENOTSUP', 'EXDEV')) return undefined;
      if (!isVfsError(error, 'EEXIST') || attempt === MOST_ASIDE) throw error;
    }
  }
}

function overwriteOf(header: string | readonly string[] | undefined): boolean {
  if (header === undefined || header === 'T' || header === 't') return true;
  if (header === 'F' || header === 'f') return false;
  throw new Refusal(400, { detail: 'Overwrite is T or F' });
}
