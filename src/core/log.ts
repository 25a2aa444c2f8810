/** The part of pino's logger that the rooms use: fields first, then a message that is a constant. */
export interface Logger {
  debug(fields: object, message?: string): void;
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
  error(fields: object, message?: string): void;
  child(fields: object): Logger;
}

/** A logger that keeps quiet, for tests and tools. */
export const noLog: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => noLog };
