import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { Drive, type DriveOptions } from '../../src/frontends/drive/drive.js';
import type { View } from '../../src/vfs/view.js';

export interface MountedDrive {
  readonly drive: Drive;
  readonly path: string;
  stop(): Promise<void>;
}

/** A drive of this process on a temporary folder. Nothing of this process may touch what is below `path`. */
export async function mountDrive(view: View, options: Partial<DriveOptions> = {}): Promise<MountedDrive> {
  const path = options.path ?? (await mkdtemp(join(tmpdir(), 'isthmus-drive-')));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const drive = new Drive({
    view,
    allowOther: false,
    uid,
    gid,
    umask: 0o022,
    maxAge: 60,
    meter: noMeter,
    log: noLog,
    ...options,
    path,
  });
  await drive.start();
  return {
    drive,
    path,
    async stop() {
      await drive.stop(Date.now() + 5000);
      await rmdir(path);
    },
  };
}
