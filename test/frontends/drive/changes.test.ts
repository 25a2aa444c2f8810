import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import { once } from '../../../src/core/bytes.js';
import type { View } from '../../../src/vfs/view.js';
import { type Agent, startAgent } from '../../support/agent-client.js';
import { type MountedDrive, mountDrive } from '../../support/mounted-drive.js';
import { alice, body, p, testNamespace, text } from '../../support/namespace.js';

/** What another front end changes is seen at once, though the kernel may keep what it knows for an hour. */

const teardowns: (() => Promise<void>)[] = [];
let view: View;
let drive: MountedDrive;
let agent: Agent;
const storage = new MemoryDriver();

test.before(async () => {
  const namespace = await testNamespace({ teardown: (act) => teardowns.push(act) }, [{ at: '/m', driver: storage }]);
  view = namespace.of(alice);
  drive = await mountDrive(view, { maxAge: 3600 });
  agent = startAgent(`${drive.path}/m`);
});
test.after.always(async () => {
  await agent?.end();
  await drive?.stop();
  for (const act of teardowns) await act();
});

let markers = 0;

/** Waits until the kernel was told of everything before: notices arrive in order. (It would believe for an hour.) */
async function settled(): Promise<void> {
  const marker = `/marker-${markers++}`;
  await absent(marker);
  await view.write(p(`/m${marker}`), body(''));
  for (const end = Date.now() + 20_000; ; ) {
    try {
      await agent.client.stat(marker);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** Makes the kernel remember that there is no such name. */
const absent = (path: string) => agent.client.stat(path).catch(() => undefined);

async function read(path: string): Promise<string> {
  const file = await agent.client.open(path, { read: true });
  try {
    return (await file.read(0, 1 << 16)).toString();
  } finally {
    await file.close();
  }
}

test.serial('a new content, longer and shorter, of the same size', async (t) => {
  for (const content of ['one', 'longer than that', 'short', 'SHORT', '']) {
    await view.write(p('/m/f'), body(content));
    await settled();
    t.is((await agent.client.stat('/f')).size, content.length);
    t.is(await read('/f'), content);
  }
});

test.serial('a name that came, after it was looked for', async (t) => {
  await t.throwsAsync(agent.client.stat('/new'), { code: 'ENOENT' });
  await t.throwsAsync(agent.client.stat('/new'), { code: 'ENOENT' });
  await view.write(p('/m/new'), body('here'));
  await settled();
  t.is(await read('/new'), 'here');
  t.true((await agent.client.list('/')).includes('new'));
});

test.serial('a name that went', async (t) => {
  await view.write(p('/m/gone'), body('x'));
  await settled();
  t.is(await read('/gone'), 'x');
  await view.unlink(p('/m/gone'));
  await settled();
  await t.throwsAsync(agent.client.stat('/gone'), { code: 'ENOENT' });
  t.false((await agent.client.list('/')).includes('gone'));
});

test.serial('a file where a folder was', async (t) => {
  await view.mkdir(p('/m/thing'));
  await view.write(p('/m/thing/f'), body('below'));
  await settled();
  t.is(await read('/thing/f'), 'below');
  await view.removeTree(p('/m/thing'));
  await view.write(p('/m/thing'), body('a file now'));
  await settled();
  t.is((await agent.client.stat('/thing')).kind, 'file');
  t.is(await read('/thing'), 'a file now');
});

test.serial('a folder renamed, with what is below', async (t) => {
  await view.mkdir(p('/m/d1'));
  await view.write(p('/m/d1/f'), body('deep'));
  await settled();
  t.is(await read('/d1/f'), 'deep');
  await view.rename(p('/m/d1'), p('/m/d2'));
  await settled();
  await t.throwsAsync(agent.client.stat('/d1/f'), { code: 'ENOENT' });
  t.is(await read('/d2/f'), 'deep');
});

test.serial('attributes', async (t) => {
  await view.write(p('/m/a'), body('x'));
  await settled();
  await agent.client.stat('/a');
  await view.setattr(p('/m/a'), { mtime: 1_000_000, mode: 0o600 });
  await settled();
  const { mtime, mode } = await agent.client.stat('/a');
  t.deepEqual({ mtime, mode }, { mtime: 1_000_000, mode: 0o600 });
});

test.serial('the other way round: a file closed on the drive is there through the view', async (t) => {
  const file = await agent.client.open('/out', { write: true, create: true });
  await file.write(0, Buffer.from('from the drive'));
  await t.throwsAsync(view.stat(p('/m/out')), { code: 'ENOENT' });
  await file.close();
  t.is(await text((await view.read(p('/m/out'))).body), 'from the drive');
});

test.serial('a change while the file is open: the next to open it sees all of the new', async (t) => {
  await view.write(p('/m/open'), body('old '.repeat(10_000)));
  await settled();
  const file = await agent.client.open('/open', { read: true });
  t.is((await file.read(0, 4)).toString(), 'old ');
  await view.write(p('/m/open'), body('NEW '.repeat(10_000)));
  await settled();
  t.is(await read('/open'), 'NEW '.repeat(10_000));
  await file.close();
  t.is(await read('/open'), 'NEW '.repeat(10_000));
});

test.serial('who reads while the file is replaced reads the old one to its end', async (t) => {
  const old = Buffer.alloc(6 << 20, 'old ');
  await view.write(p('/m/big'), once(old));
  await settled();
  const file = await agent.client.open('/big', { read: true });
  t.is((await file.read(0, 8)).toString(), 'old old ');
  await view.write(p('/m/big'), once(Buffer.alloc(5 << 20, 'NEW ')));
  await settled();
  t.is((await read('/big')).slice(0, 8), 'NEW NEW ');
  for (const at of [0, 1 << 20, 3 << 20, (6 << 20) - 8]) {
    t.is((await file.read(at, 8)).toString(), 'old old ', `at ${at}`);
  }
  t.is((await file.stat()).size, 6 << 20);
  await file.close();
  const again = await agent.client.open('/big', { read: true });
  t.is((await again.read((5 << 20) - 8, 100)).toString(), 'NEW NEW ');
  await again.close();
});

test.serial('a change behind our back is seen after maxAge, and whole when the file is opened', async (t) => {
  const short = await mountDrive(view, { maxAge: 0.2 });
  const other = startAgent(`${short.path}/m`);
  await storage.put(p('/behind'), body('first'));
  const before = await other.client.open('/behind', { read: true });
  t.is((await before.read(0, 100)).toString(), 'first');
  await before.close();
  await storage.put(p('/behind'), body('second'));
  await storage.put(p('/appeared'), body('x'));
  await new Promise((resolve) => setTimeout(resolve, 400));
  const again = await other.client.open('/behind', { read: true });
  t.is((await again.read(0, 100)).toString(), 'second');
  await again.close();
  t.is((await other.client.stat('/appeared')).size, 1);
  await other.end();
  await short.stop();
});
