import mime from 'mime';

/** The type that a name suggests. Content is not looked at. */
export function contentType(name: string): string {
  return mime.getType(name) ?? 'application/octet-stream';
}

/** Types in which a browser would run scripts, with the rights of our origin (lesson 23). */
const ACTIVE =
  /^(?:text\/(?:html|xml|xsl|javascript)|application\/(?:xhtml\+xml|xml|javascript)|[\w.-]+\/[\w.-]+\+xml)$/;

/** Headers for content that users put here: nothing in it may act in our name. */
export function contentHeaders(type: string): string[] {
  const headers = ['Content-Type', type, 'Content-Security-Policy', 'sandbox', 'X-Content-Type-Options', 'nosniff'];
  if (ACTIVE.test(type)) headers.push('Content-Disposition', 'attachment');
  return headers;
}
