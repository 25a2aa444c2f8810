/**
 * One range of bytes as a client asked for it: `suffix` counts from the end, `to` is the last byte, both inclusive.
 */
export type RangeRequest = { readonly from: number; readonly to: number | undefined } | { readonly suffix: number };

/**
 * Parses a Range header (RFC 9110 §14.1.2).
 * @returns undefined for what is to be ignored: another unit, broken grammar, and more than one range (§14.2 lets a
 *          server answer those with the whole content)
 */
export function parseRange(header: string | undefined): RangeRequest | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header);
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? undefined : { suffix: Number(last) };
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { from: Number(first), to: last === '' ? undefined : Number(last) };
}

/** The bytes `[start, end)` of a content of `size` bytes; undefined when it has none of them (416). */
export function resolveRange(range: RangeRequest, size: number): { start: number; end: number } | undefined {
  if ('suffix' in range) {
    if (range.suffix === 0 || size === 0) return undefined;
    return { start: Math.max(0, size - range.suffix), end: size };
  }
  if (range.from >= size) return undefined;
  return { start: range.from, end: range.to === undefined ? size : Math.min(size, range.to + 1) };
}
