import { isIP } from 'node:net';
import * as v from 'valibot';
import { isVfsError } from '../core/errors.js';
import { parsePath } from '../core/path.js';
import {
  DURATION_HINT,
  LISTEN_HINT,
  type Listen,
  NETWORK_HINT,
  parseDuration,
  parseListen,
  parseSize,
  parseUmask,
  SIZE_HINT,
  UMASK_HINT,
} from './units.js';

/*
 * Every option of the configuration: its type, unit, default and one line of help. The JSON Schema that editors use,
 * the messages for wrong values and the documentation all come from here. Defaults that depend on another option (the
 * folders below `node.state`) are filled in by resolve.ts.
 */

/** Text in one of the small languages of units.ts. */
function unit<T>(parse: (text: string) => T | undefined, hint: string, help: string) {
  return v.pipe(
    v.string(`must be ${hint}`),
    v.description(help),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: `must be ${hint}` });
      return NEVER;
    }),
  );
}

const text = (help: string) => v.pipe(v.string(), v.nonEmpty('must not be empty'), v.description(help));
const yesNo = (help: string) => v.pipe(v.boolean(), v.description(help));
const hostPath = (help: string) =>
  v.pipe(v.string(), v.nonEmpty('must not be empty'), v.description(help), v.metadata({ hostPath: true }));

type Off = 'off';
const listen = (help: string) =>
  unit<Listen | Off>((raw) => (raw === 'off' ? 'off' : parseListen(raw)), LISTEN_HINT, help);

const size = (help: string) => unit(parseSize, SIZE_HINT, `${help} (bytes: "512MiB", "10GiB")`);
const duration = (help: string) => unit(parseDuration, DURATION_HINT, `${help} (time: "500ms", "60s", "5m")`);
const id = (help: string) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(0, 'must not be negative'),
    v.maxValue(4_294_967_294, 'is larger than any id'),
    v.description(help),
  );

const network = (help: string) => unit((raw) => (isNetwork(raw) ? raw : undefined), NETWORK_HINT, help);

function isNetwork(raw: string): boolean {
  const [address, bits, ...rest] = raw.split('/');
  const family = isIP(address!);
  return (
    family !== 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)))
  );
}

const url = (help: string) =>
  unit(
    (raw) => (/^https?:\/\/[^/?#@\s]+\/?$/.test(raw) && URL.canParse(raw) ? raw.replace(/\/$/, '') : undefined),
    'an http or https URL without a path, such as "https://files.example.org"',
    help,
  );

const node = v.strictObject({
  name: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/,
        'must be HOST or HOST:PORT, such as "files.example.org"',
      ),
      v.description('The name other nodes know this one by: host[:port].'),
    ),
    'localhost',
  ),
  state: v.optional(hostPath('The folder that holds everything of ours; made with mode 0700.'), './data'),
});

const web = v.strictObject({
  listen: v.optional(listen('Address of the HTTP listener: page, WebDAV, API, health.'), '127.0.0.1:8080'),
  url: v.optional(url('What clients call it, where that differs from `listen` (behind a proxy).')),
  tls: v.optional(
    v.strictObject({
      cert: hostPath('File with the certificate and its chain, PEM.'),
      key: hostPath('File with the private key, PEM.'),
    }),
  ),
  trustedProxies: v.optional(v.array(network('A proxy whose X-Forwarded-For is believed; nobody by default.')), []),
});

const sftp = v.strictObject({
  listen: v.optional(listen('Address of the SFTP listener.'), '127.0.0.1:2022'),
  hostKeys: v.optional(v.array(hostPath('A host key, OpenSSH or PEM; by default one is made in `node.state`.')), []),
});

const drive = v.strictObject({
  path: hostPath('Where the drive is mounted; the folder is made when it is missing.'),
  as: v.optional(text('The user whose view it shows.'), 'admin'),
  allowOther: v.optional(yesNo('Let other accounts of this host in (user_allow_other of FUSE).'), false),
  uid: v.optional(id('Owner of all files shown; by default the account of the daemon.')),
  gid: v.optional(id('Group of all files shown; by default that of the daemon.')),
  umask: v.optional(unit(parseUmask, UMASK_HINT, 'Permission bits taken away from all files shown (octal).'), '022'),
});

const MECHANISMS = ['none', 'password', 'key'] as const;
type Mechanism = (typeof MECHANISMS)[number];
const LATER = ['session', 'login', 'user', 'global'] as const;

const credentials = v.pipe(
  v.strictObject({
    mechanism: v.pipe(
      v.picklist([...MECHANISMS, ...LATER]),
      v.description('How the mount signs in: none, password (fixed here) or key (SSH or access keys).'),
      v.rawTransform<Mechanism | (typeof LATER)[number], Mechanism>(({ dataset, addIssue, NEVER }) => {
        const known = MECHANISMS.find((name) => name === dataset.value);
        if (known !== undefined) return known;
        addIssue({ message: `mechanism ${dataset.value} is not available yet; use none, password or key` });
        return NEVER;
      }),
    ),
    user: v.optional(text('Login name or access key id at the storage.')),
    password: v.optional(text('Password, secret key or passphrase of the key; `file:PATH` takes it from a file.')),
    privateKey: v.optional(text('Private SSH key, OpenSSH or PEM; `file:PATH` takes it from a file.')),
  }),
  v.check(
    ({ mechanism, user, password, privateKey }) =>
      mechanism !== 'none' || (user ?? password ?? privateKey) === undefined,
    'mechanism none takes no user, password or privateKey; use "password" or "key"',
  ),
  v.check(
    ({ mechanism, user, password, privateKey }) =>
      mechanism !== 'password' || (user !== undefined && password !== undefined && privateKey === undefined),
    'mechanism password needs user and password, and nothing else',
  ),
  v.check(
    ({ mechanism, user, password, privateKey }) =>
      mechanism !== 'key' || (user !== undefined && (privateKey ?? password) !== undefined),
    'mechanism key needs user, and privateKey (SSH) or password (the secret of an access key)',
  ),
);

const storage = {
  driver: v.pipe(v.string(), v.description('Kind of storage.')),
  options: v.optional(
    v.pipe(v.record(v.string(), v.unknown()), v.description('Options of the driver; see its table.')),
    {},
  ),
  credentials: v.optional(credentials, { mechanism: 'none' }),
};

const mount = v.strictObject({
  at: v.pipe(
    v.string(),
    v.description('Where in the namespace: an absolute path.'),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      if (!dataset.value.startsWith('/')) {
        addIssue({ message: `must be an absolute path, such as "/${dataset.value.slice(0, 40) || 'archive'}"` });
        return NEVER;
      }
      try {
        const path = parsePath(dataset.value);
        if (path !== '/') return path;
        addIssue({ message: 'must not be the root, which is the home of each user; use a path such as "/archive"' });
      } catch (error) {
        const why = isVfsError(error) ? (error.detail ?? error.code) : String(error);
        addIssue({ message: `is not a path (${why}); use one such as "/archive"` });
      }
      return NEVER;
    }),
  ),
  ...storage,
  readOnly: v.optional(yesNo('Refuse every change below it.'), false),
  for: v.optional(
    v.pipe(
      v.strictObject({
        users: v.optional(v.array(text('A login name.')), []),
        groups: v.optional(v.array(text('A group.')), []),
      }),
      v.check(
        ({ users, groups }) => users.length + groups.length > 0,
        'names nobody; leave it out to serve everyone, or list users or groups',
      ),
    ),
  ),
  fsync: v.optional(
    v.pipe(
      v.picklist(['storage', 'journal']),
      v.description('What fsync waits for: the bytes verified at the storage, or durable here.'),
      v.check((value) => value === 'storage', 'journal is not available yet; leave it out or use "storage"'),
    ),
    'storage',
  ),
});

export const configSchema = v.strictObject({
  node: v.optional(node, {}),
  web: v.optional(web, {}),
  sftp: v.optional(sftp, {}),
  drives: v.optional(v.pipe(v.array(drive), v.description('Folders of this host that show a view; [] for none.'))),
  metrics: v.optional(
    v.strictObject({
      listen: v.optional(listen('Address of the Prometheus listener.'), '127.0.0.1:9464'),
    }),
    {},
  ),
  database: v.optional(
    v.pipe(
      v.string(),
      v.description('sqlite:PATH; by default isthmus.db in `node.state`.'),
      v.check((raw) => !/^postgres(ql)?:/.test(raw), 'PostgreSQL is not available yet; use "sqlite:PATH"'),
      v.check((raw) => /^(sqlite:.|postgres)/.test(raw), 'must be "sqlite:PATH"'),
    ),
  ),
  cache: v.optional(
    v.strictObject({
      path: v.optional(hostPath('Where unfinished and cached content lies; by default `cache` in `node.state`.')),
      size: v.optional(size('Room it may take'), '10GiB'),
      maxAge: v.optional(duration('How long what a storage said may be believed'), '60s'),
    }),
    {},
  ),
  homes: v.optional(v.strictObject(storage)),
  auth: v.optional(
    v.strictObject({
      local: v.optional(
        v.strictObject({ enabled: v.optional(yesNo('Whether the users in our own table may sign in.'), true) }),
        {},
      ),
    }),
    {},
  ),
  mounts: v.optional(v.pipe(v.array(mount), v.description('Storages and their places in the namespace.')), []),
  log: v.optional(
    v.strictObject({
      level: v.optional(
        v.pipe(v.picklist(['debug', 'info', 'warn', 'error']), v.description('The least that is logged.')),
        'info',
      ),
    }),
    {},
  ),
});

/** A configuration whose every value has the right form; what it names (files, drivers) is not looked at yet. */
export type CheckedConfig = v.InferOutput<typeof configSchema>;

/** Keys of the full design that this version does not serve yet: told as such rather than as unknown. */
export const NOT_YET: ReadonlySet<string> = new Set(['federation', 'auth.ldap']);
/** Drivers of the full design, for the same reason. */
export const DRIVERS_NOT_YET: readonly string[] = ['ftp', 'smb', 'webdav', 'nextcloud', 'swift'];
