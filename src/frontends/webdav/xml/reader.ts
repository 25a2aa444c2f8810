import { SaxesParser } from 'saxes';
import { collect } from '../../../core/bytes.js';
import { isVfsError } from '../../../core/errors.js';
import type { HttpRequest } from '../../route.js';
import { Refusal } from '../refusal.js';

/** An element of a request body. */
export interface XmlElement {
  readonly namespace: string;
  readonly local: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly (XmlElement | string)[];
  /** `xml:lang` in force here (RFC 4918 §4.3: it belongs to the value of a property). */
  readonly language: string | undefined;
}

export interface XmlAttribute {
  readonly prefix: string;
  readonly namespace: string;
  readonly local: string;
  readonly value: string;
}

export const DAV = 'DAV:';
/** What a request body may cost. */
const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 64;
const MAX_ELEMENTS = 8192;

/**
 * Reads the XML body of a request.
 * @returns the root element; undefined when there is no body
 * @throws Refusal 413 for more than 256 KiB, 400 for what `parseXml` refuses
 */
export async function readXml(request: HttpRequest): Promise<XmlElement | undefined> {
  if (request.length !== undefined && request.length > MAX_BYTES) throw new Refusal(413);
  if (!request.hasBody) return undefined;
  let body: Buffer;
  try {
    body = await collect(request.body(MAX_BYTES));
  } catch (error) {
    if (isVfsError(error, 'ETIMEDOUT')) throw new Refusal(408);
    throw error;
  }
  return body.length === 0 ? undefined : parseXml(body);
}

/**
 * Parses a document with namespaces.
 * @param body  UTF-8, or UTF-16 with a byte order mark
 * @throws Refusal 400 for what is not well-formed, has a document type, or nests deeper than 64 elements
 */
export function parseXml(body: Uint8Array): XmlElement {
  const parser = new SaxesParser({ xmlns: true });
  const open: (Mutable<XmlElement> & { children: (XmlElement | string)[] })[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  const refuse = (detail: string): never => {
    throw new Refusal(400, { detail });
  };
  parser.on('error', (error) => refuse(error.message));
  parser.on('doctype', () => refuse('a document type is not accepted'));
  parser.on('opentag', (tag) => {
    elements += 1;
    if (open.length >= MAX_DEPTH || elements > MAX_ELEMENTS) refuse('too many elements');
    const parent = open.at(-1);
    const attributes = Object.values(tag.attributes)
      .filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns')
      .map(({ prefix, uri, local, value }) => ({ prefix, namespace: uri, local, value }));
    const element = {
      namespace: tag.uri,
      local: tag.local,
      attributes,
      children: [],
      language: attributes.find(({ prefix, local }) => prefix === 'xml' && local === 'lang')?.value ?? parent?.language,
    };
    if (parent === undefined) root = element;
    else parent.children.push(element);
    open.push(element);
  });
  const text = (content: string): void => {
    open.at(-1)?.children.push(content);
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', () => open.pop());
  try {
    parser.write(decode(body)).close();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, { detail: 'the body is not XML' });
  }
  return root ?? refuse('the body is empty');
}

/** The child elements of that name. */
export function childrenOf(element: XmlElement, namespace: string, local: string): XmlElement[] {
  return elementsOf(element).filter((child) => child.namespace === namespace && child.local === local);
}

export function elementsOf(element: XmlElement): XmlElement[] {
  return element.children.filter((child): child is XmlElement => typeof child !== 'string');
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function decode(body: Uint8Array): string {
  const [first, second] = body;
  const encoding =
    first === 0xfe && second === 0xff ? 'utf-16be' : first === 0xff && second === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true }).decode(body);
}
