import { isUtf8 } from 'node:buffer';
import type { Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import type { Entry } from '../../src/core/entry.js';
import type { Logger } from '../../src/core/log.js';
import { type Path, parseName } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import { kindOf, toEntry } from './attributes.js';
import { isErrno } from './errors.js';
import type { Folder } from './folders.js';
import { lstat, opendir } from './system.js';

const PAGE = 1_000;
/** Attributes asked for at once: enough to keep the pool busy, few enough to leave it to others in between. */
const WIDTH = 64;

/** The names in a folder that may be shown, in pages; others are left out, and `refused` is told of them. */
export async function* namesIn(folder: Folder, refused: (name: string) => void): AsyncIterable<string[]> {
  const entries = await opendir(`${folder.at}/.`, { encoding: 'buffer' as BufferEncoding, bufferSize: PAGE });
  const seen = new Set<string>();
  let page: string[] = [];
  try {
    for await (const entry of entries) {
      const name = checked(entry.name as unknown as Buffer, refused);
      // A name that is removed and made again while the folder is read may come twice.
      if (name === undefined || seen.has(name)) continue;
      seen.add(name);
      page.push(name);
      if (page.length === PAGE) {
        yield page;
        page = [];
      }
    }
  } finally {
    await entries.close().catch(() => {});
  }
  if (page.length > 0) yield page;
}

/** The children of `folder` with their attributes; what vanishes meanwhile is left out. */
export async function* entriesIn(folder: Folder, path: Path, log: Logger, call: Call): AsyncIterable<readonly Entry[]> {
  let told = false;
  const refused = (name: string) => {
    if (!told) log.warn({ path, name }, 'a folder holds a name that cannot be shown; more may follow');
    told = true;
  };
  for await (const names of namesIn(folder, refused)) {
    refuseFired(call, 'list', path);
    const entries: Entry[] = [];
    const queue = names.values();
    const work = async () => {
      for (const name of queue) {
        if (name.startsWith(TEMPORARY_PREFIX)) continue;
        const entry = await describe(folder, name);
        if (entry !== undefined) entries.push(entry);
      }
    };
    await Promise.all(Array.from({ length: Math.min(WIDTH, names.length) }, work));
    if (entries.length > 0) yield entries;
  }
}

async function describe(folder: Folder, name: string): Promise<Entry | undefined> {
  try {
    const stats = await lstat(folder.child(name));
    const kind = kindOf(stats);
    return kind && toEntry(name, kind, stats);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function checked(raw: Buffer, refused: (name: string) => void): string | undefined {
  try {
    // Decoded here because TextDecoder makes two-byte strings, and those cost three times as much in every call.
    if (isUtf8(raw)) return parseName(raw.toString());
  } catch {
    // A name that nobody may use.
  }
  refused(raw.toString('latin1').slice(0, 300));
  return undefined;
}
