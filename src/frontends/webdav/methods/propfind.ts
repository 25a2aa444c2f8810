import type { Space } from '../../../core/entry.js';
import { join, type Path } from '../../../core/path.js';
import type { Lock } from '../../../vfs/locks.js';
import type { Node, View } from '../../../vfs/view.js';
import { depthOf, type Exchange, type Method } from '../exchange.js';
import { type Plan, planOf } from '../propfind-plan.js';
import { Refusal } from '../refusal.js';
import { write } from '../stream.js';
import { encodeName, urlOf } from '../urls.js';
import { readXml } from '../xml/reader.js';
import { escapeXml, PROLOGUE, XML_TYPE } from '../xml/writer.js';

/** Text is handed to the socket in pieces of this size. */
const FLUSH = 64 * 1024;
const NO_LOCKS: readonly Lock[] = [];

/**
 * PROPFIND (RFC 4918 §9.1) of depth 0 and 1, streamed page by page.
 *
 * The head waits for the first page, so that a storage that does not answer is a 503 and never an empty folder. A
 * listing that breaks off later breaks the connection: a multistatus that ends well-formed is complete.
 */
export const propfind: Method = async (exchange) => {
  const { request, response, view, path, space, call } = exchange;
  const depth = depthOf(request);
  const plan = planOf(await readXml(request));
  if (depth === undefined) throw new Refusal(400, { detail: 'Depth is 0 or 1' });
  // §9.1: a server may refuse to walk a whole tree.
  if (depth === 'infinity') throw new Refusal(403, { condition: '<D:propfind-finite-depth/>' });

  const node = await view.stat(path, { signal: call.signal });
  const folder = node.kind === 'directory';
  const rooms = new Rooms(view, plan.wantsRoom, call.signal);
  const own = plan.wantsDead ? await view.properties(path) : undefined;
  const locks = plan.wantsLocks ? view.locksOn(path) : NO_LOCKS;
  const url = escapeXml(urlOf(path, folder, space));
  const room = await rooms.of(path, node);
  const subject = { path, node, locks, principal: view.principal.name, space, room };
  let text = `${PROLOGUE}<D:multistatus xmlns:D="DAV:">\n${element(url, plan.render(subject, own))}`;

  if (depth === '1' && folder) {
    const pages = view.list(path, { signal: call.signal })[Symbol.asyncIterator]();
    try {
      let page = await pages.next();
      const context = await childContext(exchange, plan, url, rooms);
      response.writeHead(207, ['Content-Type', XML_TYPE]);
      while (!page.done) {
        for (const child of page.value) {
          // A client of WebDAV can do nothing with a symbolic link, and nobody follows it for them (lesson 13).
          if (child.kind === 'symlink') continue;
          if (plan.wantsRoom) await rooms.of(join(path, child.name), child);
          text += context.render(child);
          if (text.length < FLUSH) continue;
          request.notes.sent += Buffer.byteLength(text);
          if (!(await write(response, text))) return;
          text = '';
        }
        page = await pages.next();
      }
    } finally {
      await pages.return?.();
    }
    text += '</D:multistatus>\n';
    request.notes.sent += Buffer.byteLength(text);
    response.end(text);
    return;
  }
  text += '</D:multistatus>\n';
  response.writeHead(207, ['Content-Type', XML_TYPE, 'Content-Length', String(Buffer.byteLength(text))]);
  request.end(text);
};

/** All that the children of one folder have in common, so that 10,000 of them cost a string each. */
async function childContext(
  { view, path, space }: Exchange,
  plan: Plan,
  url: string,
  rooms: Rooms,
): Promise<{ render(child: Node): string }> {
  const dead = plan.wantsDead ? await view.propertiesBelow(path) : undefined;
  const anyLocks = plan.wantsLocks && view.locksOn(path, true).length > 0;
  const principal = view.principal.name;
  const needsPath = path === '/' ? '/' : `${path}/`;
  return {
    render(child) {
      // Names in a listing are canonical: the View has checked them.
      const childPath = (needsPath + child.name) as Path;
      const locks = anyLocks ? view.locksOn(childPath) : NO_LOCKS;
      const subject = { path: childPath, node: child, locks, principal, space, room: rooms.known(child) };
      const href = url + escapeXml(encodeName(child.name)) + (child.kind === 'directory' ? '/' : '');
      return element(href, plan.render(subject, dead?.get(child.name)));
    },
  };
}

function element(href: string, propstats: string): string {
  return `<D:response><D:href>${href}</D:href>${propstats}</D:response>\n`;
}

/** Room at the storages that a listing touches, asked for once each. A storage that does not say has no quota. */
class Rooms {
  readonly #view: View;
  readonly #wanted: boolean;
  readonly #signal: AbortSignal;
  readonly #known = new Map<number, Space | undefined>();

  constructor(view: View, wanted: boolean, signal: AbortSignal) {
    this.#view = view;
    this.#wanted = wanted;
    this.#signal = signal;
  }

  async of(path: Path, node: Node): Promise<Space | undefined> {
    if (!this.#wanted || node.kind !== 'directory') return undefined;
    if (!this.#known.has(node.device)) {
      const space = await this.#view.statfs(path, { signal: this.#signal }).catch(() => undefined);
      this.#known.set(node.device, space);
    }
    return this.#known.get(node.device);
  }

  known(node: Node): Space | undefined {
    return node.kind === 'directory' ? this.#known.get(node.device) : undefined;
  }
}
