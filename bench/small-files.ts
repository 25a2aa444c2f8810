import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/* One client of the drive: node small-files.js FOLDER COUNT makes files of 4 KiB: create, write, close. */
const [folder = '', count = '0'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const content = Buffer.alloc(4096, 'x');
for (let i = 0; i < Number(count); i++) {
  const file = openSync(join(folder, `f${i}`), 'wx');
  writeSync(file, content);
  closeSync(file);
}
