import { run } from './cli/program.js';
import { loadConfig } from './config/load.js';
import { version } from './version.js';

// The drivers and the daemon are loaded by the commands that need them: a question to the daemon should not wait half a
// second for them.
process.exitCode = await run(process.argv.slice(2), {
  version,
  locate: (file) => loadConfig({ file }),
  load: async (file) => loadConfig({ file, kinds: (await import('../mounts/index.js')).driverKinds() }),
  reach: async (config) => (await import('./reach.js')).reach(config),
  serve: async (load) => {
    const code = await (await import('./serve.js')).serve(load);
    // All has ended; what a library may still hold open must not keep the process.
    process.exit(code);
  },
  print: (text) => void process.stdout.write(`${text}\n`),
});
