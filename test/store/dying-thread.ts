/** In place of the writing thread: takes one group, and dies of the next. */
import { parentPort } from 'node:worker_threads';
import type { ToMain, ToThread } from '../../src/store/writer.js';

const port = parentPort!;
let groups = 0;
port.on('message', (message: ToThread) => {
  if (message === 'close') {
    port.close();
    return;
  }
  groups += 1;
  if (groups > 1) throw new Error('the thread dies');
  port.postMessage({ kind: 'done', outcomes: message.map(() => ({ changes: [groups] })) } satisfies ToMain);
});
port.postMessage({ kind: 'open' } satisfies ToMain);
