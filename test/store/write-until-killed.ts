/**
 * A process to be killed: `write-until-killed FILE ENGINE ROUND NOTES` writes pairs of properties, several at a time, and
 * notes the number of each pair once it is acknowledged. In a file: a pipe that nobody empties would refuse more.
 */
import { openSync, writeSync } from 'node:fs';
import { noLog } from '../../src/core/log.js';
import type { EngineName } from '../../src/store/engine.js';
import { openStore } from '../../src/store/store.js';

const [file, engine, round, notes] = process.argv.slice(2) as [string, EngineName, string, string];
const noted = openSync(notes, 'a');
const { properties } = await openStore({ file, log: noLog, engine });
let next = 0;

async function write(): Promise<never> {
  for (;;) {
    const number = next++;
    const pair = new Map([
      ['first', 'x'.repeat(number % 3000)],
      ['second', String(number)],
    ]);
    await properties.change('s', `/${round}/${number}`, pair, new Set());
    writeSync(noted, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
