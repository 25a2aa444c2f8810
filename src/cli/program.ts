import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/problem.js';
import { isVfsError } from '../core/errors.js';
import { StartError } from '../core/start-error.js';
import { checkCommand } from './check.js';
import { explainCommand } from './explain.js';
import { Failure } from './failure.js';
import type { Hands } from './hands.js';
import { mountCommand } from './mount.js';
import { serveCommand } from './serve.js';
import { statusCommand } from './status.js';
import { userCommand } from './user.js';

/**
 * Runs one command line.
 * @param args  without the program's name
 * @returns the exit code: 0 done, 1 refused or failed, 2 usage, 75 try again, 78 configuration
 */
export async function run(args: readonly string[], hands: Hands): Promise<number> {
  let code = 0;
  const exit = (given: number) => {
    code = given;
  };
  const program = new Command('isthmus')
    .description('storages in different places as one tree: a drive, WebDAV and SFTP')
    .version(hands.version)
    .exitOverride()
    .showSuggestionAfterError();
  serveCommand(program, hands, exit);
  checkCommand(program, hands, exit);
  statusCommand(program, hands, exit);
  userCommand(program, hands);
  mountCommand(program, hands, exit);
  explainCommand(program, hands);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return told(error);
  }
}

function told(error: unknown): number {
  // commander has printed its own, help and version included.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known = error instanceof Failure || error instanceof ConfigError || error instanceof StartError;
  if (known || isVfsError(error)) {
    process.stderr.write(`${error.message}\n`);
    return known ? error.exitCode : 1;
  }
  process.stderr.write(`isthmus: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
