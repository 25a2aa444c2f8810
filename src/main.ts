import { driverKinds } from '../mounts/index.js';
import { run } from './cli/program.js';
import { loadConfig } from './config/load.js';
import { reach } from './reach.js';
import { version } from './version.js';

process.exitCode = await run(process.argv.slice(2), {
  version,
  load: (file) => loadConfig({ file, kinds: driverKinds() }),
  reach,
  print: (text) => void process.stdout.write(`${text}\n`),
  // The daemon's modules cost a command that only asks a question a quarter of a second.
  serve: async (load) => {
    const code = await (await import('./serve.js')).serve(load);
    // All has ended; what a library may still hold open must not keep the process.
    process.exit(code);
  },
});
