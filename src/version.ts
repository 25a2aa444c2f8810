import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Version of this program, as in package.json. */
export const version: string = (require('../../package.json') as { version: string }).version;
