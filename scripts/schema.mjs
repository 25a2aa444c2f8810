// npm run schema: writes docs/config.schema.json from the schema in src/config and the drivers' own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { driverKinds } from '../dist/mounts/index.js';
import { configJsonSchema } from '../dist/src/config/json-schema.js';

mkdirSync('docs', { recursive: true });
writeFileSync('docs/config.schema.json', `${JSON.stringify(configJsonSchema(driverKinds()), undefined, 2)}\n`);
