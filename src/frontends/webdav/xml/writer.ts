import type { XmlElement } from './reader.js';

/** Opens a document; every element we write ourselves has the prefix `D`. */
export const PROLOGUE = '<?xml version="1.0" encoding="utf-8"?>\n';
export const XML_TYPE = 'application/xml; charset=utf-8';

/** Text or an attribute value. What XML 1.0 cannot say at all (control characters of a file name) becomes U+FFFD. */
export function escapeXml(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_ALL, (character) => ENTITY[character] ?? '\ufffd') : text;
}

const UNSAFE = /[&<>"\x00-\x08\x0b-\x1f\ufffe\uffff]/;
const UNSAFE_ALL = new RegExp(UNSAFE, 'g');
const ENTITY: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** An empty element of any namespace. */
export function emptyTag(namespace: string, local: string): string {
  return namespace === 'DAV:' ? `<D:${local}/>` : `<${local} xmlns="${escapeXml(namespace)}"/>`;
}

/**
 * An element as text that means the same wherever it is put: every namespace it needs is declared in it, and the
 * language that was in force around it is written on it.
 */
export function serialize(element: XmlElement): string {
  const hasLanguage = element.attributes.some(({ prefix, local }) => prefix === 'xml' && local === 'lang');
  const language = element.language !== undefined && !hasLanguage ? ` xml:lang="${escapeXml(element.language)}"` : '';
  return write(element, language);
}

/** What stands inside an element, in the same way. */
export function serializeChildren(element: XmlElement): string {
  return element.children.map((child) => (typeof child === 'string' ? escapeXml(child) : write(child, ''))).join('');
}

function write(element: XmlElement, extra: string): string {
  let attributes = extra;
  const declared = new Set(['', 'xml']);
  for (const { prefix, namespace, local, value } of element.attributes) {
    if (!declared.has(prefix)) attributes += ` xmlns:${prefix}="${escapeXml(namespace)}"`;
    declared.add(prefix);
    attributes += ` ${prefix === '' ? '' : `${prefix}:`}${local}="${escapeXml(value)}"`;
  }
  const content = serializeChildren(element);
  const head = `<${element.local} xmlns="${escapeXml(element.namespace)}"${attributes}`;
  return content === '' ? `${head}/>` : `${head}>${content}</${element.local}>`;
}
