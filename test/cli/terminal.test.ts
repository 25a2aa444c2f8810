import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import test from 'ava';
import { FREE_PORTS, Place } from '../support/place.js';

/* Passwords asked for on a real terminal: a pseudo-terminal of python's, for Node makes none. */

const TERMINAL = `
import os, pty, select, sys, time
answers = [answer.encode() for answer in sys.argv[1].split(',')]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b''
end = time.time() + 100
while time.time() < end:
    if answers and shown.endswith(b': '):
        shown += b'<' + str(len(answers)).encode() + b'>'
        os.write(terminal, answers.pop(0) + b'\\r')
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
print(shown.decode().replace('\\r\\n', '|'), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

function typing(place: Place, answers: string, args: readonly string[]): Promise<string> {
  const command = [process.execPath, resolve('bin/isthmus'), ...args];
  const child = spawn('python3', ['-c', TERMINAL, answers, ...command], { cwd: place.folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  return new Promise((done) => child.on('close', () => done(said.trim())));
}

test('the terminal shows nothing of a password, and takes back what was mistyped', async (t) => {
  const place = new Place(`${FREE_PORTS}drives: []\n`);
  t.teardown(() => place.remove());
  const daemon = await place.serve();
  const add = ['user', 'add', 'bob'];
  t.is(
    await typing(place, 'sekret,other', add),
    'Password for bob: <2>|The same again: <1>|the two are not the same; nothing was changed| 1',
  );
  t.is(await typing(place, 'sekret\x03', add), 'Password for bob: <1>|cancelled; nothing was changed| 1');
  t.is(await typing(place, 'sekrXt\x7f\x7fet,sekret', add), 'Password for bob: <2>|The same again: <1>|added bob| 0');
  const authorization = `Basic ${Buffer.from('bob:sekret').toString('base64')}`;
  t.is((await fetch(daemon.where('dav'), { method: 'PROPFIND', headers: { authorization, depth: '0' } })).status, 207);
});
