import { randomFillSync } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of random bytes; made once and kept. */
export async function randomFile(path: string, mebibytes: number): Promise<void> {
  if (existsSync(path) && statSync(path).size === mebibytes << 20) return;
  const file = await open(path, 'w', 0o644);
  const chunk = Buffer.alloc(1 << 20);
  for (let i = 0; i < mebibytes; i++) {
    randomFillSync(chunk);
    await file.write(chunk);
  }
  await file.close();
}

/** A folder with `count` files of `bytes` bytes; made anew. */
export function smallFiles(folder: string, count: number, bytes: number): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o777 });
  const content = randomFillSync(Buffer.alloc(bytes));
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `f${String(i).padStart(5, '0')}`), content);
}

/** Reads a file once, so that every subject finds it in the page cache. */
export async function warm(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 1 << 20 })) {
    // the reading is the point
  }
}
