/** Percent-encodes all but the unreserved characters of RFC 3986 §2.3, as SigV4 wants it. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as it stands in a URL: encoded but for its slashes, which S3 neither merges nor resolves. */
export function encodeKey(key: string): string {
  return key.split('/').map(encode).join('/');
}

/** A query in the one order and form that SigV4 signs, which is also the one that is sent. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

/**
 * What a listing with `encoding-type=url` says: percent-encoded, a space sometimes as `+`.
 * @returns undefined for what is not UTF-8
 */
export function decodeListed(text: string): string | undefined {
  const plain = text.replaceAll('+', ' ');
  if (!plain.includes('%')) return plain;
  try {
    // decodeURIComponent refuses a lone percent sign and invalid UTF-8 alike.
    return decodeURIComponent(plain);
  } catch {
    return undefined;
  }
}
