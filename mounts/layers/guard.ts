import { fromNodeError, VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { type Path, parsePath, segments } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import type { Around, Operation } from './intercept.js';

/**
 * What every driver owes and none should have to remember. Before the storage is touched it refuses a fired signal
 * (ECANCELED), a closed driver (EBADF), a path that is not canonical (EINVAL) and temporary names (ENOENT); after it, an
 * error that is not a VfsError becomes one.
 */
export function guard(log: Logger): Around {
  let closed = false;
  return (operation) => {
    let bodyFailed = false;
    const translate = (error: unknown): unknown => {
      if (error instanceof VfsError) return error;
      const translated = fromNodeError(error, operation.name, operation.paths[0]);
      if (!bodyFailed && translated.code === 'EIO') {
        log.error({ err: error, operation: operation.name }, 'driver let a foreign error through');
      }
      return translated;
    };
    return {
      async call(next) {
        // What was opened before may be given back after.
        if (operation.name !== 'release' && operation.name !== 'abort') {
          if (closed && operation.name !== 'close') {
            throw new VfsError('EBADF', operation.name, operation.paths[0], { detail: 'the mount was closed' });
          }
          if (operation.name === 'close') closed = true;
          refuse(operation);
        }
        try {
          return await next();
        } catch (error) {
          throw translate(error);
        }
      },
      async pull(next) {
        try {
          return await next();
        } catch (error) {
          throw translate(error);
        }
      },
      async feed(next) {
        try {
          return await next();
        } catch (error) {
          bodyFailed = true;
          throw error;
        }
      },
    };
  };
}

function refuse({ name, paths, signal }: Operation): void {
  for (const path of paths) checkPath(name, path);
  if (signal?.aborted) throw new VfsError('ECANCELED', name, paths[0]);
}

function checkPath(name: string, path: Path): void {
  if (parsePath(path) !== path) throw new VfsError('EINVAL', name, path, { detail: 'not a canonical path' });
  if (path.includes(TEMPORARY_PREFIX) && segments(path).some((segment) => segment.startsWith(TEMPORARY_PREFIX))) {
    throw new VfsError('ENOENT', name, path);
  }
}
