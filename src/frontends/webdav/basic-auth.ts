import type { Authenticator } from '../../auth/authenticator.js';
import type { Principal } from '../../auth/principal.js';
import { Secret } from '../../core/secret.js';
import type { HttpRequest } from '../route.js';

/** Goes with every 401 (RFC 7617 §2). */
export const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="Isthmus", charset="UTF-8"' };

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Who asks, by Basic authentication (RFC 7617). Clients send the password with each request; the authenticator
 * remembers for a moment what it has verified.
 * @returns undefined when there are no credentials, or they are wrong
 * @throws VfsError EAGAIN when throttled, EUNAVAILABLE when no source can tell
 */
export async function principalOf(request: HttpRequest, auth: Authenticator): Promise<Principal | undefined> {
  const { authorization } = request.headers;
  const credentials = authorization === undefined ? undefined : parseBasic(authorization);
  if (credentials === undefined) return undefined;
  // Without the request's signal: others with the same password may wait for the same answer.
  return auth.password(credentials.name, credentials.password, { address: request.address, door: 'webdav' });
}

/** Name and password; undefined when the header is something else or one of them is empty (lesson 20). */
export function parseBasic(header: string): { name: string; password: Secret } | undefined {
  const match = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header.trim());
  if (match === null) return undefined;
  let text: string;
  try {
    text = decoder.decode(Buffer.from(match[1]!, 'base64'));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1 || text.includes('\0')) return undefined;
  return { name: text.slice(0, colon), password: new Secret(text.slice(colon + 1)) };
}
