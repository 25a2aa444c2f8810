import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config/config.js';
import type { Logger } from './core/log.js';

/** Fields that never reach the log, wherever they stand in what is logged. */
const SECRET_FIELDS = ['password', 'secret', 'privateKey', 'passphrase', 'authorization', 'cookie', 'token', 'tokens'];

export interface DaemonLogger extends Logger {
  /** Takes effect at once, also for children made earlier. */
  setLevel(level: LogLevel): void;
}

/** pino to stderr: one JSON object a line, or lines for people when stderr is a terminal. */
export function makeLogger(level: LogLevel): DaemonLogger {
  const stream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' })
    : pino.destination({ fd: 2, sync: true });
  // Children keep a level of their own in pino, so the threshold is held here, once.
  let threshold = RANK[level];
  const logger = pino(
    {
      level: 'debug',
      base: { pid: process.pid },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
      serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
      hooks: {
        logMethod(args, method, rank) {
          if (rank >= threshold) method.apply(this, args);
        },
      },
    },
    stream,
  );
  return Object.assign(logger, {
    setLevel(next: LogLevel) {
      threshold = RANK[next];
    },
  });
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };
