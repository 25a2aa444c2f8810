import { SaxesParser } from 'saxes';

const MAX_DEPTH = 8;
const MAX_ELEMENTS = 50_000;

/** An element of an answer; namespaces and attributes say nothing that we need. */
export interface Xml {
  readonly name: string;
  readonly children: Xml[];
  text: string;
}

/**
 * Parses an answer, whose length the caller has bounded.
 * @throws Error when it is not well-formed, declares a document type, or is too deep or has too many elements
 */
export function parseXml(text: string): Xml {
  const root: Xml = { name: '', children: [], text: '' };
  const stack: Xml[] = [root];
  let elements = 0;
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('a document type in an answer');
  });
  parser.on('opentag', (tag) => {
    elements += 1;
    if (stack.length > MAX_DEPTH || elements > MAX_ELEMENTS) throw new Error('an answer too deep or too long');
    const element: Xml = { name: tag.name, children: [], text: '' };
    stack.at(-1)!.children.push(element);
    stack.push(element);
  });
  parser.on('text', (piece) => {
    stack.at(-1)!.text += piece;
  });
  parser.on('cdata', (piece) => {
    stack.at(-1)!.text += piece;
  });
  parser.on('closetag', () => {
    stack.pop();
  });
  parser.write(text).close();
  const [element] = root.children;
  if (element === undefined) throw new Error('an empty answer');
  return element;
}

/** The children of that name. */
export function all(parent: Xml, name: string): Xml[] {
  return parent.children.filter((child) => child.name === name);
}

/** The text of the first child of that name. */
export function textOf(parent: Xml, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

/** Text as it stands between tags. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
