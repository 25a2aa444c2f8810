/** A daemon to be killed: serves the admin socket named on its command line until then. */
import { AdminSocket } from '../../src/admin/socket.js';
import { noLog } from '../../src/core/log.js';

await new AdminSocket({ file: process.argv[2]!, handlers: {}, log: noLog }).start();
process.send?.('ready');
