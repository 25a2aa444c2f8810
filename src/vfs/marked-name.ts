import { NAME_MAX } from '../core/path.js';

/** A name for something kept beside what took its place. */
export interface Mark {
  /** What happened, for a person to read: `replaced`. */
  readonly what: string;
  readonly when: Date;
  /** 0 for the first; later ones are numbered, for several within a second. */
  readonly attempt: number;
}

/** The name of a conflict copy: `report (conflict, node-a, 2026-11-23 15.04.05).odt`. */
export function conflictName(name: string, node: string, when: Date, attempt: number): string {
  return markedName(name, { what: `conflict, ${node.replace(/[/\0]/g, '_').slice(0, 64)}`, when, attempt });
}

/**
 * `report (replaced, 2026-11-23 15.04.05).odt`, time in UTC, cut to what a name may be long.
 * @param folder  whether a dot in the name begins no extension
 */
export function markedName(name: string, { what, when, attempt }: Mark, folder = false): string {
  const time = when.toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  const number = attempt === 0 ? '' : `, ${attempt + 1}`;
  const mark = ` (${what}, ${time}${number})`;
  const dot = folder ? -1 : name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const room = NAME_MAX - Buffer.byteLength(mark) - Buffer.byteLength(extension);
  return `${cut(stem, room)}${mark}${extension}`;
}

/** The longest beginning of `text` that has at most `bytes` bytes and ends between characters. */
function cut(text: string, bytes: number): string {
  let end = text;
  while (Buffer.byteLength(end) > bytes) end = [...end].slice(0, -1).join('');
  return end;
}
