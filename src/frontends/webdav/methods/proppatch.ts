import { guard, type Method } from '../exchange.js';
import { isProtected, propertyKey } from '../properties.js';
import { Refusal } from '../refusal.js';
import { statusLine } from '../status.js';
import { urlOf } from '../urls.js';
import { childrenOf, DAV, elementsOf, readXml, type XmlElement } from '../xml/reader.js';
import { emptyTag, escapeXml, PROLOGUE, serialize, XML_TYPE } from '../xml/writer.js';

/** PROPPATCH (RFC 4918 §9.2): all instructions or none. */
export const proppatch: Method = async (exchange) => {
  const { request, response, view, path, space, call } = exchange;
  const root = await readXml(request);
  if (root === undefined || root.namespace !== DAV || root.local !== 'propertyupdate') throw new Refusal(400);
  const node = await view.stat(path, { signal: call.signal });
  await guard(exchange);
  const instructions = instructionsOf(root);
  if (instructions.length === 0) throw new Refusal(400, { detail: 'nothing to do' });
  const refused = instructions.filter(({ property }) => isProtected(property.namespace, property.local));
  if (refused.length === 0) {
    const set = new Map<string, string>();
    const remove = new Set<string>();
    for (const { property, action } of instructions) {
      const key = propertyKey(property.namespace, property.local);
      set.delete(key);
      remove.delete(key);
      if (action === 'set') set.set(key, serialize(property));
      else remove.add(key);
    }
    await view.setProperties(path, set, remove, call);
  }
  const results =
    refused.length === 0
      ? propstat(instructions, 200)
      : propstat(refused, 403, '<D:error><D:cannot-modify-protected-property/></D:error>') +
        propstat(
          instructions.filter((instruction) => !refused.includes(instruction)),
          424,
        );
  const url = escapeXml(urlOf(path, node.kind === 'directory', space));
  const body = `${PROLOGUE}<D:multistatus xmlns:D="DAV:"><D:response><D:href>${url}</D:href>${results}</D:response></D:multistatus>\n`;
  response.writeHead(207, ['Content-Type', XML_TYPE, 'Content-Length', String(Buffer.byteLength(body))]);
  request.end(body);
};

interface Instruction {
  readonly action: 'set' | 'remove';
  readonly property: XmlElement;
}

/** What is to be done, in document order. */
function instructionsOf(root: XmlElement): Instruction[] {
  return elementsOf(root).flatMap((part) => {
    if (part.namespace !== DAV || (part.local !== 'set' && part.local !== 'remove')) return [];
    const action = part.local;
    return childrenOf(part, DAV, 'prop').flatMap((prop) => elementsOf(prop).map((property) => ({ action, property })));
  });
}

function propstat(instructions: readonly Instruction[], status: number, extra = ''): string {
  if (instructions.length === 0) return '';
  const names = new Set(instructions.map(({ property }) => emptyTag(property.namespace, property.local)));
  return `<D:propstat><D:prop>${[...names].join('')}</D:prop><D:status>${statusLine(status)}</D:status>${extra}</D:propstat>`;
}
