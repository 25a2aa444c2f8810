import { SaxesParser } from 'saxes';
import type { Bytes } from '../../src/core/bytes.js';

/** What one `response` of a multistatus says (RFC 4918 §14.24): its href as sent, and what it has, by local name. */
export interface Resource {
  readonly href: string;
  readonly collection: boolean;
  readonly properties: ReadonlyMap<string, string>;
}

/**
 * The resources of a multistatus while it arrives, those of one chunk together.
 * @throws Error when the document is not well-formed or breaks off
 */
export async function* readMultistatus(body: Bytes): AsyncIterable<readonly Resource[]> {
  const parser = new SaxesParser({ xmlns: true });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let done: Resource[] = [];
  let text = '';
  let href = '';
  let collection = false;
  let properties = new Map<string, string>();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ uri, local }) => {
    text = '';
    if (uri !== 'DAV:') return;
    if (local === 'collection') collection = true;
    if (local === 'response') {
      href = '';
      collection = false;
      properties = new Map();
    }
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('closetag', ({ uri, local }) => {
    if (uri === 'DAV:' && local === 'response') done.push({ href, collection, properties });
    else if (uri === 'DAV:' && local === 'href' && href === '') href = text;
    // A property that the resource does not have comes empty, in a propstat of its own.
    else if (uri === 'DAV:' && text !== '') properties.set(local, text);
    text = '';
  });
  for await (const chunk of body) {
    parser.write(decoder.decode(chunk, { stream: true }));
    if (done.length > 0) yield done;
    done = [];
  }
  parser.write(decoder.decode()).close();
}
