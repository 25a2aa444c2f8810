/**
 * The range that holds a path and all below it, without LIKE and its escapes: `path = at OR (path >= from AND path < to)`.
 * Bytes compare as in memcmp, and `0` follows `/`; `/ab` is not below `/a` (lesson 2).
 */
export function subtree(path: string): { readonly at: string; readonly from: string; readonly to: string } {
  const folder = path === '/' ? '' : path;
  return { at: path, from: `${folder}/`, to: `${folder}0` };
}
