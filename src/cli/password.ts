import { Secret } from '../core/secret.js';
import { Failure } from './failure.js';

/** Longest password, in bytes: enough for a sentence, too little to keep the hash busy. */
const LONGEST = 4096;

/**
 * A new password: the first line of standard input with `fromStdin`, else asked for twice on the terminal, without
 * echo. Never an argument: those stand in the process list.
 */
export async function newPassword(name: string, fromStdin: boolean): Promise<Secret> {
  if (fromStdin) return checked(await firstLine(process.stdin));
  if (!process.stdin.isTTY) {
    throw new Failure('there is no terminal to ask for the password on; use --password-stdin', 2);
  }
  const password = await ask(`Password for ${name}: `);
  if ((await ask('The same again: ')) !== password) throw new Failure('the two are not the same; nothing was changed');
  return checked(password);
}

function checked(password: string): Secret {
  if (password === '') throw new Failure('the password is empty; nothing was changed');
  if (Buffer.byteLength(password) > LONGEST) throw new Failure(`the password is longer than ${LONGEST} bytes`);
  return new Secret(password);
}

async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  input.setEncoding('utf8');
  for await (const chunk of input) {
    text += chunk;
    if (text.includes('\n') || text.length > 2 * LONGEST) break;
  }
  return text.split('\n')[0]!.replace(/\r$/, '');
}

/** Reads one line from the terminal in raw mode, which shows nothing of it. */
function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // Before the question: whoever answers it at once must not see the beginning of it.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const done = (end: () => void) => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      end();
    };
    const onData = (text: string) => {
      for (const key of text) {
        if (key === '\r' || key === '\n') return done(() => resolve(line));
        if (key === '\x03' || key === '\x04') return done(() => reject(new Failure('cancelled; nothing was changed')));
        if (key === '\x7f' || key === '\b') line = [...line].slice(0, -1).join('');
        else if (key === '\x15') line = '';
        else if (key >= ' ') line += key;
      }
    };
    stdin.on('data', onData);
  });
}
