import test, { type ExecutionContext } from 'ava';
import { SftpDriver } from '../../mounts/sftp/driver.js';
import { encodeRequest } from '../../mounts/sftp/packet.js';
import { type Attrs, Status, Type } from '../../mounts/sftp/protocol.js';
import { collect, once } from '../../src/core/bytes.js';
import type { VfsError } from '../../src/core/errors.js';
import { noLog } from '../../src/core/log.js';
import { parsePath, ROOT } from '../../src/core/path.js';
import { Secret } from '../../src/core/secret.js';
import { type Script, scriptedSftp } from '../servers/scripted-sftp.js';

const file = parsePath('/file');
const FILE: Attrs = { size: 600_000, uid: 1, gid: 1, mode: 0o100644, atime: 1, mtime: 1 };
const FOLDER: Attrs = { ...FILE, size: 0, mode: 0o040755 };

/** Answers as a peaceful server of one file and one folder; `change` comes first and says whether it answered. */
function peaceful(change: (request: Parameters<Script>[0]) => boolean): Script {
  return (request) => {
    if (change(request)) return;
    const { type, fields, answer, send } = request;
    const end = (): void => answer(Type.STATUS, { u32: Status.EOF }, '', '');
    switch (type) {
      case Type.INIT:
        send(encodeRequest(Type.VERSION, 3, []));
        return;
      case Type.REALPATH:
        answer(Type.NAME, { u32: 1 }, fields.string().toString().replace(/^\.$/, '/home'), '', {});
        return;
      case Type.LSTAT:
        answer(Type.ATTRS, fields.string().toString().endsWith('/file') ? FILE : FOLDER);
        return;
      case Type.FSTAT:
        answer(Type.ATTRS, FILE);
        return;
      case Type.OPEN:
      case Type.OPENDIR:
        answer(Type.HANDLE, 'handle');
        return;
      case Type.READ: {
        fields.string();
        const [position, length] = [fields.u64(), fields.u32()];
        if (position >= 600_000) end();
        else answer(Type.DATA, Buffer.alloc(Math.min(length, 600_000 - position, 1_000), 'x'));
        return;
      }
      case Type.READDIR:
        end();
        return;
      default:
        answer(Type.STATUS, { u32: Status.OK }, '', '');
    }
  };
}

async function against(
  t: ExecutionContext,
  change: (request: Parameters<Script>[0]) => boolean,
  check: (driver: SftpDriver) => Promise<void>,
): Promise<void> {
  const server = await scriptedSftp(peaceful(change));
  const { host, port, fingerprint } = server;
  const driver = new SftpDriver(
    { host, port, path: '.', hostKeys: [fingerprint], knownHosts: undefined, connections: 2 },
    { credentials: { user: 'u', password: new Secret('p') }, log: noLog },
  );
  try {
    await check(driver);
  } finally {
    await driver.close();
    await server.stop();
  }
  t.pass();
}

test('the peaceful server is one, short answers and all', async (t) => {
  await against(
    t,
    () => false,
    async (driver) => {
      t.is((await driver.stat(file)).size, 600_000);
      t.is((await collect(await driver.get(file))).length, 600_000);
      t.is((await driver.stat(ROOT)).kind, 'directory');
    },
  );
});

test('lesson 16: an answer that announces gigabytes ends the connection, not us', async (t) => {
  for (const length of [0xffffffff, 0x7fffffff, 300_000, 0]) {
    await against(
      t,
      ({ type, send }) => {
        if (type !== Type.LSTAT) return false;
        const header = Buffer.alloc(5);
        header.writeUInt32BE(length);
        send(header);
        return true;
      },
      async (driver) => {
        await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' });
      },
    );
  }
});

test('what is no SFTP is refused: text, another version, no answer that fits', async (t) => {
  const greetings = [Buffer.from('Welcome to the example server!\r\n'), encodeRequest(Type.VERSION, 2, [])];
  for (const greeting of greetings) {
    await against(
      t,
      ({ type, send }) => {
        if (type !== Type.INIT) return false;
        send(greeting);
        return true;
      },
      async (driver) => {
        const error = await t.throwsAsync<VfsError>(driver.stat(file), { code: 'EUNAVAILABLE' });
        t.truthy(error.detail);
      },
    );
  }
  const wrong: ((request: Parameters<Script>[0]) => void)[] = [
    ({ answer }) => answer(Type.HANDLE, 'what'),
    ({ answer }) => answer(Type.STATUS, { u32: Status.OK }, '', ''),
    ({ answer }) => answer(99),
    ({ answer }) => answer(Type.ATTRS),
    ({ send, id }) => send(encodeRequest(Type.ATTRS, id + 7, [FILE])),
    ({ answer }) => answer(Type.ATTRS, { u32: 1 }, { u64: Number.MAX_SAFE_INTEGER }, { u32: 1 }),
    ({ answer }) => answer(Type.STATUS, { u32: 4_000_000_000 }, '\x1b[31mred\x07', ''),
  ];
  for (const say of wrong) {
    await against(
      t,
      (request) => {
        if (request.type !== Type.LSTAT) return false;
        say(request);
        return true;
      },
      async (driver) => {
        const outcome = await driver.stat(file).then(
          ({ size }) => (size === Number.MAX_SAFE_INTEGER ? 'a large file' : 'ok'),
          (error: VfsError) => error.code,
        );
        t.true(['EIO', 'EUNAVAILABLE', 'a large file', 'ENOENT'].includes(outcome), outcome);
      },
    );
  }
});

test('lesson 21: names that lead elsewhere are left out of listings', async (t) => {
  let listed = 0;
  const names = ['.', '..', '../evil', '/etc/passwd', 'a/b', '', 'nul\0', 'x'.repeat(256), 'good', '.isthmus-tmp-1'];
  await against(
    t,
    ({ type, answer }) => {
      if (type !== Type.READDIR || listed++ > 0) return false;
      answer(
        Type.NAME,
        { u32: names.length + 1 },
        ...names.flatMap((name) => [name, 'long', FILE]),
        Buffer.from([0xff]),
        '',
        FILE,
      );
      return true;
    },
    async (driver) => {
      const found: string[] = [];
      for await (const page of driver.list(ROOT)) found.push(...page.map(({ name }) => name));
      t.deepEqual(found, ['good']);
    },
  );
});

test('a listing that claims more names than it has is an error', async (t) => {
  await against(
    t,
    ({ type, answer }) => {
      if (type !== Type.READDIR) return false;
      answer(Type.NAME, { u32: 0xffffffff }, 'one', 'long', FILE);
      return true;
    },
    async (driver) => {
      await t.throwsAsync(driver.list(ROOT)[Symbol.asyncIterator]().next(), { code: 'EIO' });
    },
  );
});

test('a file that ends early is EIO, and more bytes than were asked for are refused', async (t) => {
  await against(
    t,
    ({ type, answer }) => {
      if (type !== Type.READ) return false;
      answer(Type.STATUS, { u32: Status.EOF }, '', '');
      return true;
    },
    async (driver) => {
      await t.throwsAsync(collect(await driver.get(file)), { code: 'EIO' });
    },
  );
  await against(
    t,
    ({ type, answer }) => {
      if (type !== Type.READ) return false;
      answer(Type.DATA, Buffer.alloc(200_000));
      return true;
    },
    async (driver) => {
      await t.throwsAsync(collect(await driver.get(file)), { code: 'EIO' });
    },
  );
});

test('a server that acknowledges writes it did not do: EIO, and nothing is renamed', async (t) => {
  let renamed = false;
  let removed = false;
  await against(
    t,
    ({ type, answer, fields }) => {
      if (type === Type.RENAME) renamed = true;
      if (type === Type.REMOVE) removed = true;
      if (type !== Type.LSTAT || !fields.string().toString().endsWith('/new')) return false;
      answer(Type.STATUS, { u32: Status.NO_SUCH_FILE }, '', '');
      return true;
    },
    async (driver) => {
      await t.throwsAsync(driver.put(parsePath('/new'), once(Buffer.alloc(5))), { code: 'EIO' });
    },
  );
  t.false(renamed);
  t.true(removed);
});

test('a server that never answers is left alone when the signal fires', async (t) => {
  await against(
    t,
    ({ type }) => type !== Type.INIT && type !== Type.REALPATH,
    async (driver) => {
      for (const start of [
        (signal: AbortSignal) => driver.stat(file, { signal }),
        (signal: AbortSignal) => driver.get(file, { signal }),
        (signal: AbortSignal) => driver.put(file, once(Buffer.alloc(5)), { signal }),
        (signal: AbortSignal) => driver.list(ROOT, { signal })[Symbol.asyncIterator]().next(),
      ]) {
        const abort = new AbortController();
        const call = start(abort.signal);
        setTimeout(() => abort.abort(), 20);
        const outcome = await Promise.race([
          call.then(
            () => 'ok',
            (error: VfsError) => error.code,
          ),
          new Promise<string>((resolve) => setTimeout(resolve, 5_000, 'hangs').unref()),
        ]);
        t.is(outcome, 'ECANCELED', `${start}`);
      }
    },
  );
});

test('a signal that fires while nobody reads gives the file and the folder back', async (t) => {
  let closed = 0;
  let listed = 0;
  await against(
    t,
    ({ type, answer }) => {
      if (type === Type.CLOSE) closed++;
      if (type !== Type.READDIR || listed++ > 0) return false;
      answer(Type.NAME, { u32: 1 }, 'file', 'long', FILE);
      return true;
    },
    async (driver) => {
      const abort = new AbortController();
      const body = (await driver.get(file, { signal: abort.signal }))[Symbol.asyncIterator]();
      await body.next();
      const pages = driver.list(ROOT, { signal: abort.signal })[Symbol.asyncIterator]();
      await pages.next();
      t.is(closed, 0);
      abort.abort();
      for (let tries = 0; tries < 100 && closed < 2; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
      t.is(closed, 2);
      await t.throwsAsync(body.next(), { code: 'ECANCELED' });
      t.true((await body.next()).done);
      await t.throwsAsync(pages.next(), { code: 'ECANCELED' });
    },
  );
});
