import { createRequire } from 'node:module';
import { pino } from 'pino';
import type pretty from 'pino-pretty';
import type { LogLevel } from './config/config.js';
import { isVfsError } from './core/errors.js';
import type { Logger } from './core/log.js';
import { withoutSecrets } from './without-secrets.js';

/** Only a terminal needs pino-pretty, and loading it costs every start. */
const require = createRequire(import.meta.url);

export interface DaemonLogger extends Logger {
  /** Takes effect at once, also for children made earlier. */
  setLevel(level: LogLevel): void;
}

/** pino to stderr: one JSON object a line, or lines for people when stderr is a terminal. */
export function makeLogger(level: LogLevel): DaemonLogger {
  const stream = process.stderr.isTTY
    ? (require('pino-pretty') as typeof pretty)({
        destination: 2,
        sync: true,
        singleLine: true,
        translateTime: 'HH:MM:ss.l',
        ignore: 'pid,hostname',
      })
    : pino.destination({ fd: 2, sync: true });
  // Children keep a level of their own in pino, so the threshold is held here, once.
  let threshold = RANK[level];
  const logger = pino(
    {
      level: 'debug',
      base: { pid: process.pid },
      // pino's own redaction costs a tenth of a small request.
      formatters: { log: withoutSecrets },
      serializers: { err: (error: unknown) => errorFields(error), error: (error: unknown) => errorFields(error) },
      hooks: {
        logMethod(args, method, rank) {
          if (rank >= threshold) method.apply(this, args);
        },
      },
    },
    stream,
  );
  const { child } = logger;
  return Object.assign(logger, {
    // Inherited by children, which pino makes with their parent as prototype.
    child(this: typeof logger, fields: object) {
      return child.call(this, withoutSecrets(fields));
    },
    setLevel(next: LogLevel) {
      threshold = RANK[next];
    },
  });
}

/** A VfsError is an answer and needs no stack; anything else is a fault of ours, or of a library, and does. */
function errorFields(error: unknown, answer = false): unknown {
  if (!(error instanceof Error)) return error;
  const known = isVfsError(error);
  const cause = error.cause === undefined ? {} : { cause: errorFields(error.cause, known || answer) };
  if (known) {
    const { code, op, path, detail } = error;
    return { type: 'VfsError', code, op, path, detail, ...cause };
  }
  const { code } = error as NodeJS.ErrnoException;
  return { type: error.name, message: error.message, code, ...(answer ? {} : { stack: error.stack }), ...cause };
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };
